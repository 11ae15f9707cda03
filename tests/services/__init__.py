"""What the tests stand on: databases from a migrated template, topics of their own, Apache Kafka itself."""
