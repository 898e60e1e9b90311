"""An app that keeps its client objects: asks again and again over each until standard input closes, and prints a line per answer.

Arguments: base URL of OpenAI's API, base URL of Anthropic's; none for the providers' own addresses. What the objects trust and which proxy
they use, the environment says.
"""
import sys, threading, time
from anthropic import Anthropic
from openai import OpenAI

urls = sys.argv[1:] or ["https://api.openai.com/v1", "https://api.anthropic.com"]
openai = OpenAI(base_url=urls[0], api_key="test-key", timeout=20)
anthropic = Anthropic(base_url=urls[1], api_key="test-key", timeout=20)
asked = [{"role": "user", "content": "Say hello."}]


def chat():
    with openai.chat.completions.create(model="m", messages=asked, stream=True) as stream:
        chunks = list(stream)
    return chunks[-1].choices and chunks[-1].choices[0].finish_reason == "stop"


def message():
    return anthropic.messages.create(model="m", max_tokens=64, messages=asked).stop_reason == "end_turn"


ended = threading.Event()
speaking = threading.Lock()


def app(name, ask):
    while not ended.is_set():
        try:
            outcome = "ok" if ask() else "incomplete"
        except Exception as error:  # what an app would have to catch
            outcome = f"{type(error).__name__}: {error}".replace("\n", " ")
        with speaking:  # two threads, one line each
            print(name, outcome, flush=True)
        time.sleep(0.01)


apps = [threading.Thread(target=app, args=each) for each in (("chat", chat), ("message", message))]
for each in apps:
    each.start()
sys.stdin.read()
ended.set()
