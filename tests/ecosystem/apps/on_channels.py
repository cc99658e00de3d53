"""Django Channels: a consumer that talks in a group, behind the middleware that its tutorial puts in front."""

import json

import django
from django.conf import settings
from django.urls import re_path

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "channels"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

urlpatterns: list[object] = []


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        self.group = f"room-{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, close_code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        message = json.loads(text_data)["message"]
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "message": message})

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


class Feed(AsyncWebsocketConsumer):
    async def connect(self):
        await self.accept()
        while True:
            await self.send(text_data="x" * 65_536)


class Threaded(WebsocketConsumer):
    """Runs in a thread."""

    def receive(self, text_data):
        self.send(text_data=f"{self.scope['user']}: {text_data}")


app = ProtocolTypeRouter(
    {
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(
                URLRouter(
                    [
                        re_path(r"^chat/(?P<room>\w+)/$", Chat.as_asgi()),
                        re_path(r"^feed/$", Feed.as_asgi()),
                        re_path(r"^threaded/$", Threaded.as_asgi()),
                    ]
                )
            )
        )
    }
)
