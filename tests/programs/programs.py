"""The programs of script/test-programs: how each is started, and what suits it. docs/workers.md has the same as a table."""
import dataclasses
import functools
import os
import pathlib
import shutil
import subprocess

import clients

APPS = pathlib.Path(__file__).resolve().parent / "apps"


class Missing(Exception):
    """What the program needs is not on this machine."""


@dataclasses.dataclass
class Program:
    name: str
    command: object  # (port, directory) -> list of arguments; may write files into the directory
    packages: str  # Debian's names of what it needs, or npm's
    slots: int = 1
    drain: str = "idle"
    signal: str = "TERM"
    client: object = clients.http  # (port) -> (answer, own address)
    tells_peer: bool = True  # its answer has "peer=ADDRESS:PORT"
    protocol: str = "accept"
    keys: dict = dataclasses.field(default_factory=dict)  # further keys of the pool
    environment: dict = dataclasses.field(default_factory=dict)
    requests: int = 2000  # fewer where the program starts a process for each connection
    ci: bool = False  # one of the representatives of different runtimes


PROGRAMS = []


def program(name, packages, **what):
    def add(command):
        PROGRAMS.append(Program(name, command, packages, **what))
        return command

    return add


def tool(name):
    """The path of a program, which Debian keeps in sbin for some."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Missing(f"{name} is not installed")
    return path


def first_tool(*names):
    for name in names:
        try:
            return tool(name)
        except Missing:
            pass
    raise Missing(f"{names[0]} is not installed")


def python(module):
    """Debian's Python, if it has the module: its packages are not seen by another one."""
    interpreter = "/usr/bin/python3"
    if not os.path.exists(interpreter):
        raise Missing("/usr/bin/python3 is not installed")
    if module and subprocess.run([interpreter, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode:
        raise Missing(f"python3 has no module {module}")
    return interpreter


def write(directory, name, text, mode=0o644):
    path = pathlib.Path(directory) / name
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@functools.lru_cache(maxsize=None)
def built(directory, *command):
    """Runs a compiler once; `directory` is the one that all trials share."""
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
    if result.returncode:
        raise Missing(f"{command[0]} fails: {result.stderr.strip()[-200:]}")


def shared(directory):
    return str(pathlib.Path(directory).parent)


def node_module(directory, name):
    """A folder with the npm packages of apps/package.json; installed once."""
    folder = pathlib.Path(shared(directory)) / "node"
    if not folder.exists():
        tool("npm")
        shutil.copytree(APPS, folder)
    built(str(folder), "npm", "install", "--no-audit", "--no-fund", "--silent")
    return str(folder / name)


# --- Python


@program("python http.server", "python3", tells_peer=False, ci=True)
def _(port, directory):
    write(directory, "index.html", "hello\n")
    return [python(""), "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(directory), str(port)]


@program("gunicorn sync", "gunicorn", drain="now", ci=True)
def _(port, directory):
    return [tool("gunicorn"), "-w1", "-b", f"127.0.0.1:{port}", "--chdir", str(APPS), "wsgi_app:app"]


@program("gunicorn sync, 3 workers", "gunicorn", slots=3, drain="now")
def _(port, directory):
    return [tool("gunicorn"), "-w3", "-b", f"127.0.0.1:{port}", "--chdir", str(APPS), "wsgi_app:app"]


@program("gunicorn gthread", "gunicorn", slots=8, drain="now")
def _(port, directory):
    return [tool("gunicorn"), "-w1", "--threads", "8", "-b", f"127.0.0.1:{port}", "--chdir", str(APPS), "wsgi_app:app"]


@program("gunicorn gevent", "gunicorn python3-gevent", slots=8, drain="now")
def _(port, directory):
    python("gevent")
    return [tool("gunicorn"), "-w1", "-k", "gevent", "-b", f"127.0.0.1:{port}", "--chdir", str(APPS), "wsgi_app:app"]


@program("gunicorn uvicorn worker", "gunicorn python3-uvicorn", slots=8, drain="now")
def _(port, directory):
    python("uvicorn")
    worker = "uvicorn.workers.UvicornWorker"
    return [tool("gunicorn"), "-w1", "-k", worker, "-b", f"127.0.0.1:{port}", "--chdir", str(APPS), "asgi_app:app"]


@program("gunicorn LISTEN_FDS", "gunicorn", drain="now", keys={"listen_fds": True})
def _(port, directory):
    return [tool("gunicorn"), "-w1", "--chdir", str(APPS), "wsgi_app:app"]


@program("uvicorn", "python3-uvicorn", slots=8)
def _(port, directory):
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--app-dir", str(APPS)]
    return [python("uvicorn"), "-m", "uvicorn", *arguments, "asgi_app:app"]


@program("uvicorn --fd", "python3-uvicorn", slots=8, keys={"listen_fds": True})
def _(port, directory):
    return [python("uvicorn"), "-m", "uvicorn", "--fd", "3", "--no-access-log", "--app-dir", str(APPS), "asgi_app:app"]


@program("waitress", "python3-waitress", slots=4, keys={"directory": str(APPS)})
def _(port, directory):
    return [python("waitress"), "-m", "waitress", f"--listen=127.0.0.1:{port}", "wsgi_app:app"]


@program("Flask app.run", "python3-flask", slots=4)
def _(port, directory):
    return [python("flask"), str(APPS / "flask_app.py"), str(port)]


@program("asyncio", "python3", slots=8)
def _(port, directory):
    return [python(""), str(APPS / "asyncio_server.py"), str(port)]


@program("uvloop", "python3-uvloop", slots=8)
def _(port, directory):
    return [python("uvloop"), str(APPS / "asyncio_server.py"), str(port), "uvloop"]


# --- Node


@program("Node http", "nodejs", slots=8, ci=True)
def _(port, directory):
    return [tool("node"), str(APPS / "http_server.js"), str(port), "127.0.0.1"]


@program("Node http, one slot", "nodejs")
def _(port, directory):
    return [tool("node"), str(APPS / "http_server.js"), str(port), "127.0.0.1"]


@program("Express", "npm: express", slots=8)
def _(port, directory):
    return [tool("node"), node_module(directory, "express_app.js"), str(port)]


@program("Fastify", "npm: fastify", slots=8)
def _(port, directory):
    return [tool("node"), node_module(directory, "fastify_app.js"), str(port)]


# --- Ruby


@program("WEBrick", "ruby ruby-webrick", slots=4, ci=True)
def _(port, directory):
    return [tool("ruby"), str(APPS / "webrick.rb"), str(port)]


@program("Puma", "puma", slots=8, drain="now")
def _(port, directory):
    return [tool("puma"), "-q", "-b", f"tcp://127.0.0.1:{port}", "-t", "1:8", str(APPS / "config.ru")]


@program("Puma, clustered", "puma", slots=8, drain="now")
def _(port, directory):
    return [tool("puma"), "-q", "-w", "2", "-b", f"tcp://127.0.0.1:{port}", "-t", "1:4", str(APPS / "config.ru")]


@program("Unicorn", "unicorn", drain="now", signal="QUIT", tells_peer=False)
def _(port, directory):
    return [tool("unicorn"), "-l", f"127.0.0.1:{port}", str(APPS / "config.ru")]


# --- PHP


@program("php -S", "php-cli", ci=True)
def _(port, directory):
    return [tool("php"), "-S", f"127.0.0.1:{port}", str(APPS / "index.php")]


def php_client(port):
    return clients.fastcgi(port, str(APPS / "index.php"))


# It ends by itself after 500 requests, unless it is told otherwise.
@program("php-cgi", "php-cgi", client=php_client, tells_peer=False, environment={"PHP_FCGI_MAX_REQUESTS": "100000"})
def _(port, directory):
    return [tool("php-cgi"), "-b", f"127.0.0.1:{port}"]


@program("php-fpm", "php-fpm", slots=2, drain="now", signal="QUIT", client=php_client, tells_peer=False)
def _(port, directory):
    fpm = first_tool("php-fpm8.2", "php-fpm8.4", "php-fpm8.3", "php-fpm")
    text = (
        "[global]\nerror_log = /dev/stderr\ndaemonize = no\nprocess_control_timeout = 8s\n"
        f"[www]\nuser = www-data\ngroup = www-data\nlisten = 127.0.0.1:{port}\npm = static\npm.max_children = 2\n"
    )
    return [fpm, "-F", "-R", "-y", write(directory, "fpm.conf", text)]


# --- Perl


@program("Starman", "starman", drain="now", signal="QUIT")
def _(port, directory):
    return [tool("starman"), "--listen", f"127.0.0.1:{port}", "--workers", "1", str(APPS / "app.psgi")]


@program("HTTP::Daemon", "libhttp-daemon-perl")
def _(port, directory):
    if subprocess.run(["/usr/bin/perl", "-MHTTP::Daemon", "-e", "1"], stderr=subprocess.DEVNULL).returncode:
        raise Missing("perl has no module HTTP::Daemon")
    return ["/usr/bin/perl", str(APPS / "daemon.pl"), str(port)]


# --- Java, Rust


@program("Java HttpServer", "default-jdk-headless", slots=8, ci=True)
def _(port, directory):
    built(shared(directory), tool("javac"), "-d", shared(directory), str(APPS / "HttpHello.java"))
    return [tool("java"), "-XX:+UseSerialGC", "-Xshare:auto", "-cp", shared(directory), "HttpHello", str(port)]


@program("Rust, dynamic", "rustc", slots=8)
def _(port, directory):
    built(shared(directory), tool("rustc"), "-O", "-o", "rust_server", str(APPS / "server.rs"))
    return [shared(directory) + "/rust_server", str(port)]


# --- servers in C


def nginx(port, directory, head):
    temporary = "".join(
        f"{kind}_temp_path {directory}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = (
        f"daemon off; {head} pid {directory}/pid; error_log stderr; events {{ worker_connections 256; }} "
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; "
        'location / { return 200 "pid=$pid peer=$remote_addr:$remote_port\\n"; } } }'
    )
    arguments = ["-e", "stderr", "-c", write(directory, f"nginx.{port}.conf", text)]
    return [tool("nginx"), "-p", str(directory), *arguments]


# Without a master it knows no graceful end.
@program("nginx, master off", "nginx-light", slots=32, ci=True)
def _(port, directory):
    return nginx(port, directory, "master_process off; worker_processes 1;")


@program("nginx", "nginx-light", slots=32, drain="now", signal="QUIT")
def _(port, directory):
    return nginx(port, directory, "worker_processes 2;")


@program("lighttpd", "lighttpd", slots=32, drain="now", signal="INT", tells_peer=False)
def _(port, directory):
    write(directory, "index.html", "hello\n")
    text = (
        f'server.document-root = "{directory}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n'
        'index-file.names = ( "index.html" )\nmimetype.assign = ( ".html" => "text/html" )\n'
    )
    return [tool("lighttpd"), "-D", "-f", write(directory, "lighttpd.conf", text)]


@program("haproxy", "haproxy", slots=32, drain="now", signal="USR1")
def _(port, directory):
    text = (
        "global\n nbthread 2\ndefaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        f"frontend front\n bind 127.0.0.1:{port}\n"
        ' http-request return status 200 content-type text/plain lf-string "pid=%pid peer=%ci:%cp\\n"\n'
    )
    return [tool("haproxy"), "-f", write(directory, "haproxy.cfg", text)]


@program("redis", "redis-server", slots=32, client=clients.redis, tells_peer=False, ci=True)
def _(port, directory):
    return [tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]


@program("busybox httpd", "busybox", slots=8, tells_peer=False)
def _(port, directory):
    write(directory, "index.html", "hello\n")
    return [tool("busybox"), "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", str(directory)]


@program("socat fork", "socat", slots=8, client=clients.line, tells_peer=False, requests=400)
def _(port, directory):
    return [tool("socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", "SYSTEM:read x; echo pid=$$"]


# --- static programs: by seccomp user notification


@program("Go", "golang-go", slots=8, protocol="accept-notify")
def _(port, directory):
    cache = shared(directory) + "/go-cache"
    built(shared(directory), "env", f"GOCACHE={cache}", "CGO_ENABLED=0", tool("go"), "build", "-o", "go_server", str(APPS / "server.go"))
    return [shared(directory) + "/go_server", str(port)]
