"""`python -m tests.fakes.stripe [--port N] [--webhooks URL]`: a fake Stripe on the wall's clock until it is stopped."""

import argparse
import signal
import threading

from tests.fakes.stripe.fake import FakeStripe


def main() -> None:
    """Starts it and says how to reach it."""
    parser = argparse.ArgumentParser(description="A fake Stripe on loopback; its keys are made when it starts.")
    parser.add_argument("--port", type=int, default=0, help="where it listens on 127.0.0.1; 0 for any")
    parser.add_argument("--webhooks", metavar="URL", default="", help="where it sends its events")
    options = parser.parse_args()
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, frame: stopped.set())
    with FakeStripe(port=options.port) as fake:
        fake.webhooks.send_to(options.webhooks)
        print(f"address={fake.address}\napi_key={fake.api_key}\nwebhook_secret={fake.webhook_secret}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
