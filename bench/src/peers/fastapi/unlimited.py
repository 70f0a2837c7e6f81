"""An application without limits."""

from fastapi import FastAPI

from predictions import Row, predict_row

app = FastAPI()


@app.post("/predict")
async def predict(row: Row):
    return predict_row(row)
