// docs/deploy/kubernetes.yaml: against the schemas of Kubernetes' own API (npm: kubernetes-models, by script/node-packages), and
// what they cannot know: names that refer to each other, and the times of a stop.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const source = process.env.SOURCE_ROOT;
const packages = join(source, '.cache/deploy/');
if (!existsSync(join(packages, 'complete'))) {
  console.log('script/node-packages installs the schemas of Kubernetes; without them this test is skipped');
  process.exit(77);
}
const require = createRequire(packages);
const yaml = require('yaml');
const objects = yaml.parseAllDocuments(readFileSync(join(source, 'docs/deploy/kubernetes.yaml'), 'utf8')).map((one) => {
  assert.deepEqual(one.errors, []);
  return one.toJS();
});

function validate(object) {
  const models = require(`kubernetes-models/${object.apiVersion}`);
  new models[object.kind](structuredClone(object)).validate();
}

const cases = [];
const test = (name, body) => cases.push({ name, body });

const only = (kind) => objects.find((one) => one.kind === kind);
const pod = only('Deployment').spec.template.spec;
const [container] = pod.containers;

/** Writes the pool's file; `use` gets its name. */
function withPoolFile(use) {
  const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'));
  try {
    writeFileSync(join(folder, 'pool.json'), only('ConfigMap').data['pool.json']);
    return use(join(folder, 'pool.json'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('each object is valid', () => {
  assert.deepEqual(objects.map((one) => one.kind), ['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget']);
  objects.forEach(validate);
});

test('the schemas refuse a mistake', () => {
  for (const wrong of [{ replicas: 'two' }, { selector: undefined }, { strategy: [] }]) {
    const object = structuredClone(only('Deployment'));
    Object.assign(object.spec, wrong);
    assert.throws(() => validate(object), /spec/, JSON.stringify(wrong));
  }
});

test('the probes and the service name ports of the container', () => {
  const ports = container.ports.map((port) => port.name);
  const named = [container.livenessProbe.httpGet.port, container.readinessProbe.httpGet.port];
  named.push(...only('Service').spec.ports.map((port) => port.targetPort));
  for (const name of named) assert.ok(ports.includes(name), name);
  const labels = only('Deployment').spec.template.metadata.labels;
  for (const kind of ['Deployment', 'PodDisruptionBudget']) assert.deepEqual(only(kind).spec.selector.matchLabels, labels);
  assert.deepEqual(only('Service').spec.selector, labels);
  const volumes = pod.volumes.map((volume) => volume.name);
  for (const mount of container.volumeMounts) assert.ok(volumes.includes(mount.name), mount.name);
});

test('the file of the pool is valid, and its ports are those of the container', () => {
  withPoolFile((file) => {
    const path = `${dirname(process.env.SUPERVISOR_WORKER)}:${process.env.PATH}`;
    execFileSync(process.env.SUPERVISOR, ['check', '-c', file], { env: { ...process.env, PATH: path } });
  });
  const config = JSON.parse(only('ConfigMap').data['pool.json']);
  const ports = [config.pools.web.listen, config.admin].map((address) => Number(address.slice(1)));
  assert.deepEqual(container.ports.map((port) => port.containerPort), ports);
});

test('the pod has the time that a stop takes', () => {
  const config = JSON.parse(only('ConfigMap').data['pool.json']);
  const seconds = (text) => Number(/^(\d+)s$/.exec(text)[1]);
  const killTimeout = 5; // the default of health.kill_timeout
  const stop = seconds(config.stop_delay) + seconds(config.stop_timeout) + killTimeout;
  assert.ok(pod.terminationGracePeriodSeconds > stop, `${stop} s`);
  // Two probes fail before the listeners close.
  const { periodSeconds, failureThreshold, timeoutSeconds } = container.readinessProbe;
  assert.ok(periodSeconds * failureThreshold + timeoutSeconds < seconds(config.stop_delay));
});

test('what the Prometheus Operator scrapes has the port of the container, and the job that the rules name', () => {
  const text = readFileSync(join(source, 'docs/deploy/kubernetes.yaml'), 'utf8');
  const commented = text.slice(text.indexOf('# With the Prometheus Operator:')).split('\n').slice(2);
  const monitor = yaml.parse(commented.map((line) => line.replace(/^# {3}/, '')).join('\n'));
  assert.equal(monitor.kind, 'PodMonitor');
  assert.deepEqual(monitor.spec.selector.matchLabels, only('Deployment').spec.template.metadata.labels);
  const [endpoint] = monitor.spec.podMetricsEndpoints;
  assert.ok(container.ports.some((port) => port.name === endpoint.port));
  const job = /up\{job="(\w+)"\}/.exec(readFileSync(join(source, 'docs/deploy/alerts.yml'), 'utf8'))[1];
  // A jobLabel would name a label of the pods, not the job.
  assert.equal(monitor.spec.jobLabel, undefined);
  assert.deepEqual(endpoint.relabelings, [{ targetLabel: 'job', replacement: job }]);
});

test('it runs without root and without privileges', () => {
  assert.equal(pod.securityContext.runAsNonRoot, true);
  assert.equal(container.securityContext.allowPrivilegeEscalation, false);
  assert.deepEqual(container.securityContext.capabilities.drop, ['ALL']);
});

let failed = 0;
for (const { name, body } of cases) {
  try {
    body();
    console.log(`ok: ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED: ${name}\n${error.stack}`);
  }
}
console.log(`${cases.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
