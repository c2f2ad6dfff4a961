/** Real containers: Falco's official rules fire with names and images, and nothing fires for what its image excuses. */

import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubelet, type PodIds } from '../containers/cri-calls.ts';
import { Containerd, cannotRun, IMAGE, Podman } from '../containers/engines.ts';
import { cgroupRoots } from '../native/cgroups.ts';
import { scratch } from '../scratch.ts';
import { cannotTrace, Program, pipeline, repository, Stage } from './program.ts';

const official = join(repository, '../shared/data/rules');
const noRules = existsSync(official) ? undefined : "Falco's rules are not beside the repository";

const OWN_RULES = `
- rule: Program in a container
  desc: d
  condition: evt.type = execve and container.id != host and proc.name in (true, cat)
  output: "%proc.cmdline"
  priority: NOTICE
- rule: Program of an image that is not ours
  desc: The image is known only after its runtime was asked.
  condition: evt.type = execve and container.id != host and not container.image.repository in (localhost/shop/web)
  output: "%proc.cmdline of %container.image.repository, pending %container.pending"
  priority: NOTICE
- rule: Marked file
  desc: d
  condition: evt.type in (open, openat) and fd.name contains /marked-
  output: "%proc.name"
  priority: NOTICE
- rule: End of a step
  desc: d
  condition: evt.type = execve and proc.args contains end-of-step and proc.name = echo
  output: "%proc.args"
  priority: NOTICE
`;

interface Alert {
  readonly rule: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}

/** The program on real kernel events of what a stage runs, asking one runtime. */
class Watch {
  readonly stage = new Stage();
  #program: Program | undefined;
  #steps = 0;

  async start(sockets: string, files: readonly string[], name: string): Promise<this> {
    const folder = scratch();
    writeFileSync(join(folder, 'own.yaml'), OWN_RULES);
    const path = pipeline(
      folder,
      `sources:
  node: { type: ebpf, scope: { descendants_of: ${this.stage.pid} }, containers: { sockets: ${sockets}, metadata_wait: 5s } }
operators:
  detect:
    type: rules
    from: node
    files: [own.yaml, ${files.join(', ')}]
    select: [{ enable: { rule: "Launch *" } }, { enable: { rule: "* sensitive file *" } }]
    append_output: [{ suggested_output: true, extra_fields: [container.privileged, container.type, "container.mount.dest[/tmp]"] }]
sinks: { out: { type: stdout, from: detect, format: json } }
`,
      name,
    );
    this.#program = Program.start(['run', path]);
    await this.#program.ready();
    return this;
  }

  /** What commands raised, once there is as much as is expected of each rule: what is held may come late. */
  async alertsOf(
    commands: string | (() => Promise<unknown>),
    expected: Readonly<Record<string, number>> = {},
  ): Promise<Alert[]> {
    const program = this.#program as Program;
    const before = program.json.length;
    const since = () => program.json.slice(before) as unknown as Alert[];
    const mark = `end-of-step-${++this.#steps}`;
    if (typeof commands === 'string') await this.stage.run(commands);
    else await commands();
    await this.stage.run(`/bin/echo ${mark}`);
    await program.until(({ stdout }) => stdout.includes(mark));
    const has = (rule: string) => since().filter((alert) => alert.rule === rule).length;
    await program.until(() => Object.entries(expected).every(([rule, count]) => has(rule) >= count));
    return since().filter(({ rule }) => rule !== 'End of a step');
  }

  async close(): Promise<void> {
    await this.stage.close();
    await this.#program?.stop();
  }
}

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');

const noPodman = cannotTrace ?? noRules ?? cannotRun('podman', 'conmon');
describe.skipIf(noPodman)(`alerts of containers${noPodman ? ` (skipped: ${noPodman})` : ''}`, () => {
  let podman: Podman;
  let watch: Watch;
  beforeAll(async () => {
    podman = await new Podman().serve();
    const files = ['falco_rules.yaml', 'falco-incubating_rules.yaml', 'falco-sandbox_rules.yaml'];
    watch = await new Watch().start(
      `{ podman: [${podman.socket}] }`,
      files.map((file) => join(official, file)),
      'podman.yaml',
    );
    // The first answers of a service that has just started take longer than a container need live.
    await watch.alertsOf(run(IMAGE, '/bin/sleep', '1'));
  });
  afterAll(async () => {
    await watch?.close();
    await podman?.close();
  });

  const run = (...args: readonly string[]) => quoted(podman.command('run', '--rm', '--network=none', ...args));
  /** Long enough that a service under load can be asked for it. */
  const brief = ['/bin/sh', '-c', '/bin/true; /bin/sleep 0.5'];
  const about = {
    'container.name': 'web',
    'container.image.repository': 'localhost/shop/web',
    'container.image.tag': '1.2',
    'container.type': 'podman',
  };

  test('a privileged one, with the host mounted; not a plain one', async () => {
    const alerts = await watch.alertsOf(run('--name=web', '--privileged', '-v=/tmp:/host', IMAGE, ...brief), {
      'Launch Privileged Container': 1,
    });
    const privileged = alerts.find(({ rule }) => rule === 'Launch Privileged Container');
    expect(privileged?.output_fields).toMatchObject({
      ...about,
      'container.id': expect.stringMatching(/^[0-9a-f]{12}$/),
      'container.privileged': true,
      'container.mount.dest[/tmp]': '/host',
    });
    const plain = await watch.alertsOf(run('--name=web', IMAGE, ...brief), { 'Program in a container': 1 });
    console.error(JSON.stringify(plain, null, 1));
    expect(plain.map(({ rule }) => rule)).toEqual(['Program in a container']);
    expect(plain[0]?.output_fields).toMatchObject({ ...about, 'container.privileged': false });
  });

  test('a shell on a terminal', async () => {
    const id = podman.start('--name=web', IMAGE, '/bin/sleep', '1000');
    const shell = podman.command('exec', '-t', id, '/bin/sh', '-c', 'exit 0');
    const alerts = await watch.alertsOf(quoted(shell), { 'Terminal shell in container': 1 });
    podman.remove(id);
    const raised = alerts.find(({ rule }) => rule === 'Terminal shell in container');
    expect(raised?.output_fields).toMatchObject({ ...about, 'container.id': id.slice(0, 12), 'proc.name': 'sh' });
  });

  test('a sensitive file, and a mount of /proc', async () => {
    const alerts = await watch.alertsOf(
      run('--name=web', '-v=/proc:/host/proc:ro', IMAGE, '/bin/sh', '-c', '/bin/cat /etc/shadow; /bin/sleep 0.5'),
      { 'Read sensitive file untrusted': 1, 'Launch Sensitive Mount Container': 1 },
    );
    const found = (rule: string) => alerts.find((alert) => alert.rule === rule)?.output_fields;
    expect(found('Read sensitive file untrusted')).toMatchObject({ ...about, 'fd.name': '/etc/shadow' });
    expect(found('Launch Sensitive Mount Container')).toMatchObject(about);
  });

  test('nothing of an image that is excused, and of another one the first program already', async () => {
    const of = async (image: string) => {
      const alerts = await watch.alertsOf(run(image, ...brief), { 'Program in a container': 1 });
      return alerts.filter(({ rule }) => rule.includes('not ours')).map(({ output_fields: fields }) => fields);
    };
    expect(await of(IMAGE)).toEqual([]);
    await watch.alertsOf(quoted(podman.command('tag', IMAGE, 'localhost/other:1')));
    const found = await of('localhost/other:1');
    expect(found[0]).toMatchObject({ 'proc.cmdline': 'sh -c /bin/true; /bin/sleep 0.5', 'container.pending': false });
    for (const fields of found) expect(fields['container.image.repository']).toBe('localhost/other');
  });

  test('a process that is moved into a container after it began is in it', async () => {
    const id = 'c0ffee'.padEnd(64, '0');
    const ours = `falco-pipe-test-${process.pid}`;
    const groups = cgroupRoots().map((root) => join(root, ours, 'docker', id));
    for (const group of groups) mkdirSync(group, { recursive: true });
    const file = join(scratch(), 'marked-file');
    const into = groups.map((group) => `echo $$ > ${group}/cgroup.procs`).join('; ');
    const back = groups.map((group) => `echo $$ > ${join(group, '../../..')}/cgroup.procs`).join('; ');
    const alerts = await watch.alertsOf(
      `/bin/sh -c ': > ${file}; ${into}; : > ${file}; /bin/cat ${file}; /bin/sleep 0.5; ${back}; : > ${file}'`,
      { 'Marked file': 4 },
    );
    for (const group of groups) for (const up of ['', '..', '../..']) rmdirSync(join(group, up));
    const marked = alerts
      .filter(({ rule }) => rule === 'Marked file')
      .toSorted((a, b) => Number(a.output_fields['evt.time']) - Number(b.output_fields['evt.time']));
    expect(marked.map(({ output_fields: fields }) => [fields['proc.name'], fields['container.id']])).toEqual([
      ['sh', 'host'],
      ['sh', 'c0ffee000000'],
      ['cat', 'c0ffee000000'],
      ['sh', 'host'],
    ]);
  });
});

const noContainerd = noPodman ?? cannotRun('containerd', 'ctr');
describe.skipIf(noContainerd)(`alerts of pods${noContainerd ? ` (skipped: ${noContainerd})` : ''}`, () => {
  let podman: Podman;
  let containerd: Containerd;
  let watch: Watch;
  let kubelet: Kubelet;
  beforeAll(async () => {
    podman = new Podman();
    containerd = new Containerd();
    const files = ['falco_rules.yaml', 'falco-incubating_rules.yaml'].map((file) => join(official, file));
    watch = await new Watch().start(`{ containerd: [${containerd.socket}] }`, files, 'containerd.yaml');
    // What containerd starts descends from the stage.
    await watch.stage.run(
      `${quoted(containerd.command)} 2>/dev/null & while ! [ -S ${containerd.socket} ]; do sleep 0.1; done`,
    );
    containerd.importImage(podman);
    kubelet = new Kubelet(containerd.socket, containerd.folder);
  });
  afterAll(async () => {
    kubelet?.close();
    containerd?.endAll();
    await watch?.stage.run('kill $!; wait $!');
    await watch?.close();
    await containerd?.close();
    await podman?.close();
  });

  test('have the pod and its namespace', async () => {
    let ids: PodIds = { sandbox: '', container: '' };
    const alerts = await watch.alertsOf(
      async () => {
        ids = await kubelet.start('/kubepods/burstable/pod12345678-9abc-def0-1234-56789abcdef0');
        await kubelet.exec(ids.container, '/bin/cat', '/etc/shadow');
      },
      { 'Launch Privileged Container': 1, 'Read sensitive file untrusted': 1, 'Program in a container': 1 },
    );
    await kubelet.remove(ids);
    const about = {
      'container.id': ids.container.slice(0, 12),
      'container.name': 'web',
      'container.image.repository': 'localhost/shop/web',
      'container.type': 'containerd',
      'k8s.pod.name': 'shop-0',
      'k8s.ns.name': 'sales',
    };
    const found = (rule: string) => alerts.find((alert) => alert.rule === rule)?.output_fields;
    expect(found('Launch Privileged Container')).toMatchObject({ ...about, 'container.privileged': true });
    expect(found('Read sensitive file untrusted')).toMatchObject(about);
    expect(found('Program in a container')).toMatchObject({ ...about, 'proc.cmdline': 'cat /etc/shadow' });
  });
});
