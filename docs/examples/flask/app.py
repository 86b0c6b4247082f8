"""A Flask application. Run it with: supervisor -c docs/examples/flask/pool.json"""
import os

from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def hello():
    return f"Hello {request.args.get('name', 'Flask')} from worker {os.getpid()}.\n"


@app.post("/upload")
def upload():
    return {"bytes": len(request.get_data())}
