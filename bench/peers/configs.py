"""How each broker is started: its best case. Nothing is dropped by policy, nothing is kept on a disk but by Penstock.

A kind is a function that gets the binary, a folder of its own and what to listen on, and gives command line and
environment.
"""

import pathlib
from dataclasses import dataclass

import certificates

PENDING_MAX = 65_535  # unacknowledged messages of one client


@dataclass(frozen=True)
class Listener:
    """On 127.0.0.1."""

    port: int
    scheme: str = "mqtt"  # mqtts, ws, wss
    mutual: bool = False  # only clients with a certificate

    @property
    def tls(self):
        return self.scheme in ("mqtts", "wss")

    @property
    def websocket(self):
        return self.scheme in ("ws", "wss")


def penstock(binary, folder, listener, durability="sync", extra=()):
    url = f"{listener.scheme}://127.0.0.1:{listener.port}"
    if listener.tls:
        files = certificates.made()
        url += f"?cert={files.server_cert}&key={files.server_key}"
        url += f"&verify=require&ca={files.ca}" if listener.mutual else ""
    command = [binary, "--listen", url, "--data-dir", str(folder / "data"), "--shards", "1"]
    return [*command, "--durability", durability, *extra], {}


def relay(binary, folder, listener, **_):
    return [binary, str(listener.port)], {}


def mosquitto(binary, folder, listener, **_):
    config = folder / "mosquitto.conf"
    # 2.0.11 does not start with WebSocket listeners alone.
    lines = [f"listener 0 {folder}/unused.socket"] if listener.websocket else []
    lines.append(f"listener {listener.port} 127.0.0.1")
    lines += ["protocol websockets"] if listener.websocket else []
    if listener.tls:
        files = certificates.made()
        lines += [f"certfile {files.server_cert}", f"keyfile {files.server_key}"]
        lines += [f"cafile {files.ca}", "require_certificate true"] if listener.mutual else []
    lines += ["allow_anonymous true", "persistence false", "max_queued_messages 0", "max_inflight_messages 20000"]
    lines += ["set_tcp_nodelay true", "log_dest none"]
    config.write_text("\n".join(lines) + "\n")
    return [binary, "-c", str(config)], {}


def flashmq(binary, folder, listener, **_):
    config = folder / "flashmq.conf"
    tls = ""
    if listener.tls:
        files = certificates.made()
        tls = f"  fullchain {files.server_cert}\n  privkey {files.server_key}\n"
        tls += f"  client_verification_ca_file {files.ca}\n" if listener.mutual else ""
    # Without a storage_dir it keeps nothing; one thread for the one core that it gets.
    config.write_text(
        f"allow_anonymous true\nthread_count 1\nlog_file {folder}/flashmq.log\nlog_level warning\n"
        f"max_qos_msg_pending_per_client {PENDING_MAX}\nmax_qos_bytes_pending_per_client 1073741824\n"
        "client_max_write_buffer_size 67108864\nrlimit_nofile {nofile}\n"
        f"listen {{\n  protocol {'websockets' if listener.websocket else 'mqtt'}\n  port {listener.port}\n{tls}"
        "  inet_protocol ip4\n  inet4_bind_address 127.0.0.1\n"
        "  tcp_nodelay true\n}\n".replace("{nofile}", "20000")
    )
    return [binary, "--config-file", str(config)], {}


def nanomq(binary, folder, listener, **_):
    config = folder / "nanomq.conf"
    config.write_text(
        f"mqtt {{\n  max_packet_size = 1MB\n  max_mqueue_len = {PENDING_MAX}\n  retry_interval = 100s\n"
        f"  max_inflight_window = {PENDING_MAX}\n}}\n"
        f'listeners.tcp {{\n  bind = "127.0.0.1:{listener.port}"\n}}\n'
        f'log {{\n  to = [file]\n  level = error\n  dir = "{folder}"\n  file = "nanomq.log"\n}}\n'
        "auth {\n  allow_anonymous = true\n  no_match = allow\n  deny_action = ignore\n}\n"
    )
    return [binary, "start", "--conf", str(config)], {}


def emqx(binary, folder, listener, **_):
    environment = {
        "EMQX_NODE__NAME": f"emqx{listener.port}@127.0.0.1",
        "EMQX_NODE__DATA_DIR": str(folder / "data"),
        "EMQX_LOG__FILE__DEFAULT__ENABLE": "false",
        "EMQX_LOG__CONSOLE__LEVEL": "error",
        "EMQX_LISTENERS__TCP__DEFAULT__BIND": f"127.0.0.1:{listener.port}",
        "EMQX_LISTENERS__SSL__DEFAULT__ENABLE": "false",
        "EMQX_LISTENERS__WS__DEFAULT__ENABLE": "false",
        "EMQX_LISTENERS__WSS__DEFAULT__ENABLE": "false",
        "EMQX_DASHBOARD__LISTENERS__HTTP__BIND": "0",
        "EMQX_MQTT__MAX_INFLIGHT": str(PENDING_MAX),
        "EMQX_MQTT__MAX_MQUEUE_LEN": "infinity",
        "EMQX_FORCE_SHUTDOWN__ENABLE": "false",
    }
    (folder / "data").mkdir(exist_ok=True)
    return [binary, "foreground"], environment


def script(binary, folder, listener, **_):
    """Any other broker: an executable that is called with port and folder and runs it in the foreground."""
    return [binary, str(listener.port), str(folder)], {}


# Who can be set up for more than plain TCP.
ALL_TRANSPORTS = (penstock, mosquitto, flashmq)

KINDS = {"mosquitto": mosquitto, "flashmq": flashmq, "nanomq": nanomq, "emqx": emqx}


def kind_of(name):
    """`mosquitto21` is a mosquitto, `emqx-5.8` an EMQX; what nobody knows is started as a script."""
    for kind, configure in KINDS.items():
        if name.lower().startswith(kind):
            return configure
    return script


def version_of(name, binary):
    """What the binary calls itself, or nothing."""
    import re
    import subprocess

    flag = {"mosquitto": "-h", "emqx": "version"}.get(next((kind for kind in KINDS if name.startswith(kind)), ""))
    try:
        done = subprocess.run(
            [binary, flag or "--version"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found[0] if found else ""


def default_mosquitto():
    for path in ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"):
        if pathlib.Path(path).exists():
            return path
    return None
