"""A FastAPI application; pool.json beside this file serves it."""
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    item: str
    count: int = 1


@app.get("/")
async def hello(request: Request, name: str = "world"):
    return {"hello": name, "client": request.client.host if request.client else None}


@app.post("/orders")
def order(order: Order):  # not async: runs in a thread of its own, and the event loop goes on
    return {"ordered": order.count, "item": order.item}


@app.websocket("/upper")
async def upper(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text((await socket.receive_text()).upper())
    except WebSocketDisconnect:
        pass
