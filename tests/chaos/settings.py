"""The configuration of the chaos run: short durations, so that everything is late, expires and is forgotten within minutes."""

TOPICS = {"predictions": "chaos-predictions", "outcomes": "chaos-outcomes"}
PARTITIONS = 4

MODELS = """
- name: credit
  topics: &topics {predictions: chaos-predictions, outcomes: chaos-outcomes}
  attributes:
    sex: {values: [F, M], reference: M}
    age: {bins: [25, 40, 60]}
  factors:
    income: ['1', '2']
  value: {range: [0, 150000]}
  metrics: [selection_rate, mean_value, true_positive_rate]
  disparities: [{aggregate: ratio, method: to_reference}]
  intersections: 1
  windows: [5m, 1h]
  pane: &pane 1m
  max_lateness: &lateness 30m
  join_horizon: &horizon 6h
  dedup_horizon: &memory 2h
  watermark_delay: &delay 1m
- name: pricing
  topics: *topics
  attributes:
    sex: [F, M]
  metrics: [mean_value]
  intersections: 1
  windows: [5m, 1h]
  pane: *pane
  max_lateness: *lateness
  join_horizon: *horizon
  dedup_horizon: *memory
  watermark_delay: *delay
"""
