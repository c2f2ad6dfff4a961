/** The manifests for Kubernetes: they are what its API takes, fit each other, and their rights suffice. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { DaemonSet } from 'kubernetes-types/apps/v1.d.ts';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { cannotRun, Podman } from '../containers/engines.ts';
import { cannotTrace, launcher, Program, repository, Stage } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';

const here = join(repository, 'deploy/kubernetes');
const manifests = new Map(
  readdirSync(here).map((name) => [name, parse(readFileSync(join(here, name), 'utf8')) as { kind: string }]),
);
const daemonSet = manifests.get('daemon-set.yaml') as unknown as DaemonSet;
const configMap = manifests.get('config.yaml') as unknown as ConfigMap;
const pod = daemonSet.spec?.template.spec;
const container = pod?.containers[0];
const added = container?.securityContext?.capabilities?.add ?? [];
const folder = scratch();

test("each is what Kubernetes' API takes, no key misspelt", () => {
  const versions: Readonly<Record<string, string>> = { v1: 'core/v1', 'apps/v1': 'apps/v1' };
  const objects = [...manifests.values()].filter(({ kind }) => kind !== 'Kustomization');
  const typed = objects.map((object, index) => {
    const { kind, apiVersion } = object as unknown as { kind: string; apiVersion: string };
    const from = join(repository, 'node_modules/kubernetes-types', versions[apiVersion] ?? apiVersion);
    return `import type { ${kind} as Kind${index} } from '${from}.d.ts';\nexport const object${index}: Kind${index} = ${JSON.stringify(object)};\n`;
  });
  const path = join(folder, 'manifests.ts');
  writeFileSync(path, typed.join(''));
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--allowImportingTsExtensions', '--types', ''];
  const tsc = join(repository, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...flags, path], { encoding: 'utf8', cwd: folder });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
});

test('they fit each other', () => {
  const { resources } = manifests.get('kustomization.yaml') as unknown as { resources: string[] };
  expect(resources.toSorted()).toEqual(
    [...manifests.keys()].filter((name) => name !== 'kustomization.yaml').toSorted(),
  );
  const namespaces = [...manifests].flatMap(([name, object]) => {
    const { metadata, namespace } = object as unknown as {
      metadata?: { namespace?: string; name: string };
      namespace?: string;
    };
    return name === 'namespace.yaml' ? (metadata?.name ?? '') : (metadata?.namespace ?? namespace ?? '');
  });
  expect(new Set(namespaces)).toEqual(new Set(['falco-pipe']));
  expect(daemonSet.spec?.selector.matchLabels).toEqual(daemonSet.spec?.template.metadata?.labels);
  const volumes = pod?.volumes?.map(({ name }) => name) ?? [];
  expect(container?.volumeMounts?.map(({ name }) => name).toSorted()).toEqual(volumes.toSorted());
  expect(pod?.volumes?.find(({ configMap }) => configMap)?.configMap?.name).toBe(configMap.metadata?.name);
  const account = manifests.get('service-account.yaml') as unknown as { metadata: { name: string } };
  expect(pod?.serviceAccountName).toBe(account.metadata.name);
  const [port] = container?.ports ?? [];
  for (const probe of [container?.startupProbe, container?.livenessProbe, container?.readinessProbe])
    expect(probe?.httpGet?.port).toBe(port?.name);
  const { http, state } = parse(configMap.data?.['pipeline.yaml'] ?? '') as { http: { listen: string }; state: string };
  expect(http.listen).toBe(`0.0.0.0:${port?.containerPort}`);
  expect(container?.volumeMounts?.map(({ mountPath }) => mountPath)).toContain(state);
});

test('the unit, the DaemonSet, the documents and the advice name the same capabilities', async () => {
  const named = (text: string) => [...new Set(text.match(/\bCAP_[A-Z_]+/g))].toSorted();
  const wanted = ['CAP_BPF', 'CAP_DAC_READ_SEARCH', 'CAP_PERFMON', 'CAP_SYS_PTRACE'];
  const read = (path: string) => readFileSync(join(repository, path), 'utf8');
  const unit = read('deploy/falco-pipe.service');
  for (const key of ['AmbientCapabilities', 'CapabilityBoundingSet'])
    expect(named(new RegExp(`^${key}=.*$`, 'm').exec(unit)?.[0] ?? '')).toEqual(wanted);
  expect(added.map((name) => `CAP_${name}`).toSorted()).toEqual(wanted);
  expect(container?.securityContext?.capabilities?.drop).toEqual(['ALL']);
  expect(named(read('SECURITY.md'))).toEqual(wanted);
  expect(named(read('docs/guides/operating.md'))).toEqual(wanted);
  const path = join(folder, 'advice.yaml');
  writeFileSync(path, 'sources: { node: { type: ebpf } }\nsinks: { out: { type: stdout, from: node } }\n');
  const without = ['--bounding-set=-all', '--inh-caps=-all', launcher, 'run', path];
  const { stderr } = await (process.getuid?.() === 0
    ? Program.run(without, { command: 'setpriv' })
    : Program.run(['run', path]));
  expect(named(/AmbientCapabilities=[^\n]*/.exec(stderr)?.[0] ?? '')).toEqual(wanted);
});

/** Writes what the ConfigMap has, with `change` made to the pipeline. */
function configure(into: string, change: (pipeline: string) => string): void {
  mkdirSync(into);
  for (const [name, text] of Object.entries(configMap.data ?? {}))
    writeFileSync(join(into, name), name === 'pipeline.yaml' ? change(text) : text);
}

test('the pipeline and the rules are right', async () => {
  const config = join(folder, 'config');
  configure(config, (text) => text.replace('/opt/falco-pipe/node_modules/falco-pipe', repository));
  const { code, stdout, stderr } = await Program.run(['validate', join(config, 'pipeline.yaml')]);
  expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' });
});

/** A root file system with the built program, as deploy/Containerfile lays it out, of what is on this machine. */
function rootFileSystem(): string {
  const root = join(folder, 'root');
  const installed = join(root, 'opt/falco-pipe/node_modules/falco-pipe');
  for (const each of ['bin', 'usr/local/bin', 'tmp', 'run', 'etc', 'proc', 'sys', 'dev', 'var/lib/falco-pipe'])
    mkdirSync(join(root, each), { recursive: true });
  mkdirSync(join(installed, '../.bin'), { recursive: true });
  for (const each of ['bin', 'dist', 'prebuilds', 'rules', 'package.json'])
    cpSync(join(repository, each), join(installed, each), { recursive: true });
  symlinkSync('../falco-pipe/bin/falco-pipe', join(installed, '../.bin/falco-pipe'));
  cpSync(process.execPath, join(root, 'usr/local/bin/node'));
  cpSync(execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim(), join(root, 'bin/busybox'));
  for (const name of ['sh', 'readlink', 'uname']) symlinkSync('busybox', join(root, 'bin', name));
  const binaries = [process.execPath, join(repository, `prebuilds/linux-${process.arch}/falco_pipe.node`)];
  const libraries = execFileSync('ldd', binaries, { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ''] of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  return root;
}

const freePort = () =>
  new Promise<number>((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });

const noPodman = cannotTrace ?? cannotRun('podman', 'conmon');
describe.skipIf(noPodman)(`a container of the DaemonSet${noPodman ? ` (skipped: ${noPodman})` : ''}`, () => {
  test('with its rights and no more: alerts, and the probes answer', async () => {
    const stage = new Stage();
    const podman = new Podman();
    const port = await freePort();
    const config = join(folder, 'config-in-podman');
    configure(config, (text) =>
      text
        .replace('0.0.0.0:8765', `127.0.0.1:${port}`)
        .replace('{ type: ebpf }', `{ type: ebpf, scope: { descendants_of: ${stage.pid} } }`),
    );
    const security = container?.securityContext;
    const words = podman.command(
      'run',
      '--rm',
      '--network=host',
      ...(pod?.hostPID ? ['--pid=host'] : []),
      `--user=${security?.runAsUser}:${security?.runAsGroup}`,
      ...(security?.capabilities?.drop ?? []).map((name) => `--cap-drop=${name}`),
      ...added.map((name) => `--cap-add=${name}`),
      ...(security?.allowPrivilegeEscalation === false ? ['--security-opt=no-new-privileges'] : []),
      ...(security?.readOnlyRootFilesystem ? ['--read-only', '--read-only-tmpfs=false'] : []),
      `--volume=${config}:/etc/falco-pipe:ro`,
      ...['/var/lib/falco-pipe', '/run/falco-pipe', '/tmp'].map((path) => `--tmpfs=${path}`),
      // The setting of the test's own environment that raises limits which this machine may refuse.
      '--ulimit=host',
      '--rootfs',
      rootFileSystem(),
      '/opt/falco-pipe/node_modules/.bin/falco-pipe',
      ...(container?.args ?? []),
    );
    const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    const program = Program.start(words.slice(1), { command: words[0] as string, env });
    try {
      await program.ready();
      await stage.run('cat /etc/shadow >/dev/null');
      await program.until(({ stdout }) => stdout.includes('/etc/shadow'));
      expect(program.json.map(({ rule }) => rule)).toEqual(['Password file read']);
      expect(program.json[0]).toMatchObject({ output_fields: { 'user.name': 'root', 'container.id': 'host' } });
      for (const probe of [container?.livenessProbe, container?.readinessProbe]) {
        const { status } = await fetch(`http://127.0.0.1:${port}${probe?.httpGet?.path}`);
        expect(status).toBe(200);
      }
      expect(await program.stop()).toBe(0);
    } finally {
      program.child.kill();
      await program.ended;
      await stage.close();
      await podman.close();
    }
  }, 60_000);
});
