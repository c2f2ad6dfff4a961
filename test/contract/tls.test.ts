/** Files of TLS are looked at before anything is opened, whichever component names them; not when a pipeline is planned. */

import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { UserError } from '../../src/core/errors.ts';
import { readTls } from '../../src/core/net/tls.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { checkNeeds } from '../../src/pipeline/plan/needs.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';
import { type Certificates, makeCertificates } from '../sinks/servers.ts';

const registry = builtIn();
const withTls = (['sources', 'sinks'] as const).flatMap((section) =>
  [...registry[section].values()].flatMap(({ type, config, examples: [example] }) =>
    'tls' in (config as z.ZodObject).shape
      ? // Keys of TLS are for an address that has it.
        [[`${section}: ${type}`, section, (example?.yaml ?? '').replace('http://', 'https://')] as const]
      : [],
  ),
);

let made: Certificates;
let other: Certificates;
beforeAll(() => {
  made = makeCertificates();
  other = makeCertificates();
  const file = (name: string) => join(made.folder, name);
  writeFileSync(file('empty.pem'), '');
  execFileSync('openssl', ['x509', '-in', made.cert, '-outform', 'der', '-out', file('der.crt')]);
  execFileSync('openssl', ['pkey', '-in', made.key, '-aes128', '-passout', 'pass:x', '-out', file('locked.key')]);
});
afterAll(() => {
  for (const { folder } of [made, other]) rmSync(folder, { recursive: true });
});

/** The errors about files, each as the value it points at, what is wrong and what to do. */
function errorsOf(section: 'sources' | 'sinks', yaml: string, tls: object): string[] {
  const [[id, example]] = Object.entries(parse(yaml)) as [[string, object]];
  const source = { in: { type: 'replay', files: '/dev/null', emits: ['syscall'] } };
  const sink = { out: { type: 'stdout', from: id } };
  const pipeline =
    section === 'sources'
      ? { sources: { [id]: { ...example, tls } }, sinks: sink }
      : { sources: source, sinks: { [id]: { ...example, from: 'in', tls } } };
  const text = stringify(pipeline, { lineWidth: 0 });
  const document = PipelineDocument.parse(join(made.folder, 'pipeline.yaml'), text);
  const plan = planPipeline(document, registry);
  try {
    checkNeeds(plan, document, (path) => resolve(made.folder, path));
    return [];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics
      .filter(({ code, at }) => code === 'CONFIG_FILE' && at)
      .map(({ at, message, hint }) => {
        const pointed = text.split('\n')[(at?.line ?? 0) - 1]?.slice((at?.column ?? 0) - 1);
        return `${pointed} | ${message} | ${hint}`;
      });
  }
}

it('there are components with keys of TLS', () => {
  expect(withTls.map(([name]) => name)).toEqual(
    expect.arrayContaining(['sinks: http', 'sinks: nats', 'sinks: syslog', 'sources: k8s_audit', 'sources: vcloud']),
  );
});

describe.each(withTls)('%s', (name, section, yaml) => {
  const wrong = (tls: object) => errorsOf(section, yaml, tls);

  it('takes a certificate and its key', () => {
    expect(wrong({ cert: 'server.pem', key: made.key })).toEqual([]);
  });

  it('says which file cannot be read, at its key, and what to do', () => {
    expect(wrong({ cert: 'server.pem', key: '/nowhere/tls.key' })).toEqual([
      expect.stringMatching(/^\/nowhere\/tls\.key \| Cannot read \/nowhere\/tls\.key: ENOENT.* \| Name a file that /),
    ]);
    expect(wrong({ cert: '.', key: 'server.key' })).toEqual([
      expect.stringMatching(/^\. \| Cannot read \.: EISDIR.* \| Name a file that /),
    ]);
  });

  it('looks at what a pipe gives, which is there for the connection too', () => {
    const fifo = join(made.folder, `${name.replace(/\W/g, '')}.fifo`);
    execFileSync('mkfifo', [fifo]);
    spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', join(made.folder, 'der.crt'), fifo], { stdio: 'ignore' });
    expect(wrong({ cert: fifo, key: 'server.key' })).toEqual([
      expect.stringContaining('There is no certificate in PEM'),
    ]);
    expect(readTls({ ca: fifo }, String).ca).toBe(readFileSync(join(made.folder, 'der.crt'), 'utf8'));
  });

  it('says which file has not what it should have', () => {
    expect(wrong({ cert: 'empty.pem', key: 'server.key' })).toEqual([
      expect.stringMatching(/^empty\.pem \| There is no certificate in PEM in empty\.pem \| /),
    ]);
    expect(wrong({ cert: 'der.crt', key: 'server.key' })).toEqual([
      expect.stringMatching(/^der\.crt \| .* \| A file in DER becomes one by `openssl x509 -inform der/),
    ]);
    expect(wrong({ cert: 'server.pem', key: 'locked.key' })).toEqual([
      expect.stringMatching(
        /^locked\.key \| There is no private key in PEM .* \| A key with a passphrase cannot be used/,
      ),
    ]);
    expect(wrong({ cert: 'server.pem', key: other.key })).toEqual([
      expect.stringMatching(/ \| .*server\.key is the key of another certificate \| Name the key that server\.pem /),
    ]);
  });
});
