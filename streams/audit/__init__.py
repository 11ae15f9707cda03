"""`fairdrift audit`: a CSV or Parquet file through the same engine as the stream.

Rows become the columns, cells and sums that a worker makes of events; metrics, intervals and policies are the same code.
What needs the rows themselves is added here: the exact scoring rate, proxies, skew of labels.
"""
