"""A made-up year of ten models with fifty cells each, seeded: what boards, reports and benchmarks are tried on."""
