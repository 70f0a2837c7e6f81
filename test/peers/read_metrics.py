"""Parses metrics on standard input, and prints each family with its type, samples and exemplars as JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

parse = openmetrics if sys.argv[1] == "openmetrics" else prometheus
families = parse(sys.stdin.read())
print(
    json.dumps(
        [
            {
                "name": family.name,
                "type": family.type,
                "samples": len(family.samples),
                "exemplars": [s.exemplar.labels for s in family.samples if s.exemplar],
            }
            for family in families
        ]
    )
)
