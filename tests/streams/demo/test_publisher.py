from streams.demo.bank import Message
from streams.demo.publisher import by_partition


def test_ids_go_where_javas_default_partitioner_sends_them():
    # murmur2 of Apache Kafka's own UtilsTest: "21" -973932308, "foobar" -790332482, "a-little-bit-long-string" -985981536,
    # "a-little-bit-longer-string" -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8" -58897971, "abc" 479470107;
    # positive: & 0x7fffffff; then modulo 2
    keys = {b"21": 0, b"foobar": 0, b"a-little-bit-long-string": 0, b"a-little-bit-longer-string": 1, b"abc": 1}
    found = by_partition([Message(key, b"", time_ms) for time_ms, key in enumerate(keys)])
    assert {message.key: part for part, messages in found.items() for message in messages} == keys
    assert all([m.time_ms for m in messages] == sorted(m.time_ms for m in messages) for messages in found.values())
