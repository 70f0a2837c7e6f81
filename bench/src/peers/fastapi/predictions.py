"""The prediction endpoint of every application in this folder."""

from pydantic import BaseModel


class Row(BaseModel):
    features: list[float]


def predict_row(row: Row) -> dict[str, float]:
    return {"prediction": sum(row.features), "confidence": 0.93}
