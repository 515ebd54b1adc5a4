"""What users click and scripts call about the server: connect, start, stop, pair.

A click returns at once; a script waits for the answer, and what fails is raised (RuntimeError).

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

import threading
from collections.abc import Callable

import bpy
from bpy.props import StringProperty

from ... import runtime
from ...jobs.state import ServerStatus
from ...net.address import DEFAULT, PORT, is_loopback, normalised, port_of
from ...net.client import Address, Client
from ...net.local.program import find_program
from ...net.local.server import LocalServer, start
from ...text.words import tr
from ...trouble import Trouble

Result = set[str]
# States of the connection that may turn into "ready" without anybody's doing.
UNDECIDED = ("unknown", "connecting", "starting")


def wait_for_connection() -> None:
    """For scripts: until it is known whether a server answers. Raises Trouble if none does."""
    runtime.connect()
    runtime.tasks.wait(lambda: runtime.state.status.state not in UNDECIDED, runtime.tick)
    status = runtime.state.status
    if status.state != "ready":
        raise Trouble(status.state, status.message, status.fix)


class OnServer:
    """An operator that asks the network, and waits for the answer only if a script called it."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """The same; `options.is_invoke` tells it not to wait."""
        return self.execute(context)

    def ask(self, work: Callable[[threading.Event], object], then: Callable[[object], None]) -> Result:
        """`work` in a thread, then `then` on this one. What fails is told in the status line, and to a script."""
        said: list[Trouble | None] = []

        def done(answer: object) -> None:
            then(answer)
            said.append(None)

        def failed(trouble: Trouble) -> None:
            runtime.state.status = ServerStatus(trouble.code, trouble.message, trouble.fix, runtime.state.status.url)
            runtime.state.touch()
            said.append(trouble)

        runtime.tasks.start(work, done, failed)
        if self.options.is_invoke:
            return {"FINISHED"}
        runtime.tasks.wait(lambda: bool(said), runtime.tick)
        if said[0] is not None:
            self.report({"ERROR"}, str(said[0]))
            return {"CANCELLED"}
        return {"FINISHED"}


class REALIFY_OT_check_server(OnServer, bpy.types.Operator):
    bl_idname = "realify.check_server"
    bl_label = "Connect"
    bl_description = "Look now whether the server answers"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        runtime.connect()
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> Result:
        try:
            wait_for_connection()
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        return {"FINISHED"}


class REALIFY_OT_start_server(OnServer, bpy.types.Operator):
    bl_idname = "realify.start_server"
    bl_label = "Start Server"
    bl_description = "Start Realify's server on this computer. It goes on when Blender is closed, and its jobs with it"

    def execute(self, context: bpy.types.Context) -> Result:
        chosen, folder = runtime.preferences(), runtime.user_folder("server")
        given, seconds = bpy.path.abspath(chosen.program), chosen.start_timeout
        try:
            plain, _ = normalised(chosen.url)
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        port = port_of(plain) if is_loopback(plain) else PORT

        def work(stop: threading.Event) -> LocalServer:
            return start(find_program(given), folder, seconds, stop, port)

        def then(started: LocalServer) -> None:
            runtime.local_server = started if started.process is not None else runtime.local_server
            if plain != DEFAULT:  # which means the server that runs here, whatever its port
                chosen.url = started.address.url
            chosen.token = ""  # it is read from the server's own folder
            runtime.connect()

        runtime.hold()
        runtime.state.status = ServerStatus("starting")
        runtime.state.touch()
        return self.ask(work, then)


class REALIFY_OT_stop_server(OnServer, bpy.types.Operator):
    bl_idname = "realify.stop_server"
    bl_label = "Stop Server"
    bl_description = "Stop the server that was started here. Its jobs go on when it is started again"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The server was not started by this Blender: stop it where it was started")
        return runtime.local_server is not None

    def execute(self, context: bpy.types.Context) -> Result:
        server = runtime.local_server

        def then(_: object) -> None:
            runtime.local_server = None
            runtime.connection.try_now()

        return self.ask(lambda stop: server.stop(), then)


class REALIFY_OT_pair(OnServer, bpy.types.Operator):
    bl_idname = "realify.pair"
    bl_label = "Pair"
    bl_description = "Get the token of a server on another computer, by the six digits that `realify pair` shows there"

    url: StringProperty(name="Address", description="Of the server", options={"SKIP_SAVE"})
    code: StringProperty(name="Code", description="Six digits, from `realify pair` on the server's computer",
                         options={"SKIP_SAVE"})  # fmt: skip
    fingerprint: StringProperty(
        name="Fingerprint",
        description="SHA-256 of the server's certificate, from the same screen; not needed for http:// addresses",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        chosen = runtime.preferences()
        self.url, self.fingerprint = self.url or chosen.url, self.fingerprint or chosen.fingerprint
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=tr("Run `realify pair` on the server's computer, and copy what it shows."))
        layout.use_property_split = True
        layout.prop(self, "url")
        layout.prop(self, "code")
        if self.url.strip().lower().startswith("https"):
            layout.prop(self, "fingerprint")

    def execute(self, context: bpy.types.Context) -> Result:
        chosen = runtime.preferences()
        url, code, fingerprint = self.url or chosen.url, self.code, self.fingerprint or chosen.fingerprint
        seconds, online = chosen.timeout, bpy.app.online_access

        def work(stop: threading.Event) -> str:
            plain, _ = normalised(url)
            return Client(Address(plain, "", fingerprint), seconds, online).pair(code.strip())

        def then(token: str) -> None:
            chosen.url, chosen.token, chosen.fingerprint = url, token, fingerprint
            bpy.context.preferences.is_dirty = True  # Blender saves them when it ends
            runtime.connect()

        return self.ask(work, then)


class REALIFY_OT_allow_online(bpy.types.Operator):
    bl_idname = "realify.allow_online"
    bl_label = "Allow Online Access"
    bl_description = "Show Blender's own setting for it. A server on this computer does not need it"

    def execute(self, context: bpy.types.Context) -> Result:
        context.preferences.active_section = "SYSTEM"
        bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
        return {"FINISHED"}


CLASSES = (
    REALIFY_OT_check_server,
    REALIFY_OT_start_server,
    REALIFY_OT_stop_server,
    REALIFY_OT_pair,
    REALIFY_OT_allow_online,
)
