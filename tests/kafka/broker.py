# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka as a test peer: its jars, one to three brokers (each also a controller) on free ports,
and what can happen to them. No process outlives the test, however the test ends."""

import atexit
import base64
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "kafka"
LIBS = BUILD / "libs"
ARCHIVE = BUILD / "classes.jsa"
SEED = BUILD / "seed"
LOGS = ROOT / "build" / "test-logs" / "kafka"
CLIENT = "confluent-kafka==2.16.1"
CLUSTER_ID = "Y29yb25nLXRlc3QtcGVlcg"
JAVA = ["java", "-Xmx256m", "-Xss512k", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
        "-Xlog:cds=off", "-Xlog:cds+dynamic=off", f"-Dlog4j2.configurationFile={HERE / 'log4j2.xml'}",
        "-cp", f"{LIBS}/*"]
# Clients take their ports from 32768 on, so a broker that is away keeps its own below that.
PORTS = range(20_000, 32_000)
START_SECONDS = 60
PR_SET_PDEATHSIG = 1

# Small, quick to notice a death, quick to clean: hours of a real cluster's life in seconds.
SETTINGS = """\
process.roles=broker,controller
node.id={node}
listeners=CLIENT://127.0.0.1:{client},WIRE://127.0.0.1:{wire},INNER://127.0.0.1:{inner},\
  CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{client},WIRE://127.0.0.1:{proxy},INNER://127.0.0.1:{inner}
listener.security.protocol.map=CLIENT:PLAINTEXT,WIRE:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INNER
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1500
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
replica.lag.time.max.ms=2000
replica.fetch.wait.max.ms=200
unclean.leader.election.interval.ms=500
log.dirs={data}
num.network.threads=2
num.io.threads=3
auto.create.topics.enable=false
default.replication.factor={replicas}
offsets.topic.num.partitions=1
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.delete.delay.ms=100
log.initial.task.delay.ms=500
log.retention.check.interval.ms=500
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=262144
"""


class NotInstalled(Exception):
    """The peer cannot be had: no Java, no Maven, no network."""


def run_quietly(command, words):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        raise NotInstalled(f"{command[0]} is not here; tools/setup --tests installs it") from None
    if done.returncode != 0:
        raise NotInstalled(f"{words}: exit {done.returncode}\n{done.stdout.decode(errors='replace')[-4000:]}")


def die_with_parent():
    """Runs in the child before exec: the kernel kills it when the test's main thread is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def install_client():
    """A folder with the Python client; this process goes on in it."""
    folder = BUILD / "venv"
    python = folder / "bin" / "python3"
    try:
        import confluent_kafka  # noqa: F401  pylint: disable=unused-import,import-outside-toplevel
        return
    except ImportError:
        pass
    if sys.prefix == str(folder):
        sys.exit(f"{CLIENT} does not load in {folder}")
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run_quietly([sys.executable, "-m", "venv", str(folder)], "python3 -m venv")
        run_quietly([str(python), "-m", "pip", "install", "--quiet", CLIENT], f"pip install {CLIENT}")
        (folder / "installed").touch()
    os.execv(python, [str(python), *sys.argv])


def install():
    """The jars, once; then an archive of parsed classes, which halves the start of every broker after it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    stamp = BUILD / "installed"
    pom = (HERE / "pom.xml").read_text()
    if stamp.exists() and stamp.read_text() == pom:
        return
    for old in (LIBS, SEED):
        shutil.rmtree(old, ignore_errors=True)
    ARCHIVE.unlink(missing_ok=True)
    run_quietly(["mvn", "--quiet", "--batch-mode", "-f", str(HERE / "pom.xml"),
                 "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={LIBS}"],
                "mvn dependency:copy-dependencies")
    format_seed()
    cluster = Cluster(1, archive=f"-XX:ArchiveClassesAtExit={ARCHIVE}")
    cluster.start()
    cluster.close()
    stamp.write_text(pom)


def format_seed():
    """What `format` leaves in an empty log folder; every broker begins with a copy."""
    settings = BUILD / "seed.properties"
    settings.write_text(SETTINGS.format(node=1, client=1, inner=2, controller=3, wire=4, proxy=5, replicas=1,
                                        voters="1@127.0.0.1:3", data=SEED))
    run_quietly([*JAVA, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings)],
                "kafka.tools.StorageTool format")


def free_port():
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Broker:
    """One node. Its ports, its folder and its log stay the same through every restart."""

    def __init__(self, cluster, node):
        self.cluster = cluster
        self.node = node
        self.client, self.inner, self.controller = free_port(), free_port(), free_port()
        # Who comes by the proxy's port, which may have no one behind it, reaches `wire` and stays on that way.
        self.wire, self.proxy = free_port(), free_port()
        self.folder = cluster.folder / f"node-{node}"
        self.log = cluster.folder / f"node-{node}.log"
        self.process = None
        self.log_start = 0

    def format(self):
        shutil.copytree(SEED, self.folder)
        directory = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        (self.folder / "meta.properties").write_text(
            f"node.id={self.node}\ndirectory.id={directory}\nversion=1\ncluster.id={CLUSTER_ID}\n")

    def write_settings(self):
        path = self.cluster.folder / f"node-{self.node}.properties"
        path.write_text(SETTINGS.format(
            node=self.node, client=self.client, inner=self.inner, controller=self.controller,
            wire=self.wire, proxy=self.proxy, replicas=len(self.cluster.brokers),
            voters=self.cluster.voters(), data=self.folder))
        return path

    def launch(self):
        """Starts the process; wait_ready() waits for it."""
        if self.running():
            raise AssertionError(f"broker {self.node} runs already")
        settings = self.write_settings()
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*JAVA[:-2], self.cluster.archive, *JAVA[-2:], "kafka.Kafka", str(settings)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent)

    def words(self):
        """What it has logged since its start."""
        with open(self.log, "rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def wait_ready(self):
        end = time.monotonic() + START_SECONDS
        while "Kafka Server started" not in self.words():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"broker {self.node} does not start:\n{self.words()[-3000:]}")
            time.sleep(0.02)

    def start(self):
        self.launch()
        self.wait_ready()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, sign):
        if self.running():
            self.process.send_signal(sign)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait()

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """One broker, or three. `with Cluster(3) as cluster:` starts and ends them."""

    def __init__(self, broker_count, archive=f"-XX:SharedArchiveFile={ARCHIVE}"):
        if threading.current_thread() is not threading.main_thread():
            raise AssertionError("brokers die with the thread that started them: let that be the main one")
        self.archive = archive
        self.folder = LOGS / f"cluster-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir(parents=True)
        self.brokers = [Broker(self, node + 1) for node in range(broker_count)]
        self.start_seconds = 0.0
        atexit.register(self.close)

    def voters(self):
        return ",".join(f"{one.node}@127.0.0.1:{one.controller}" for one in self.brokers)

    def bootstrap(self):
        return ",".join(f"127.0.0.1:{one.client}" for one in self.brokers)

    def start(self):
        begun = time.monotonic()
        for one in self.brokers:
            one.format()
        self.start_all()
        self.start_seconds = time.monotonic() - begun

    def start_all(self):
        """Those that do not run."""
        sleeping = [one for one in self.brokers if not one.running()]
        for one in sleeping:
            one.launch()
        for one in sleeping:
            one.wait_ready()

    def kill_all(self):
        for one in self.brokers:
            one.kill()

    def close(self, keep_logs=False):
        """Ends every broker and removes their data; their logs stay where they are asked for."""
        atexit.unregister(self.close)
        if self.archive.startswith("-XX:Archive"):
            for one in self.brokers:
                one.stop()
        self.kill_all()
        for one in self.brokers:
            shutil.rmtree(one.folder, ignore_errors=True)
        if not keep_logs:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.close(keep_logs=kind is not None)
