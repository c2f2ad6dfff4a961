/** `only`: a part of a pipeline that is opened; and the secrets and files of TLS that are missing of it. */

import { resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { renderDiagnostic, UserError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { checkNeeds } from '../../../src/pipeline/plan/needs.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';

const YAML = `sources:
  far: { type: ebpf }
  shared: { type: cloudtrail, queue: audit }
  cloud: { type: vcloud, url: 'https://vcd.example', user: me, password: { env: TEST_OPENED_VCD } }
operators:
  mine: { type: filter, from: far, condition: evt.type = open }
  theirs: { type: filter, from: cloud, condition: vcd.action = delete }
  much: { type: throttle, from: [both, shared], key: { syscall: proc.name, vcd_audit: vcd.user.name, aws_cloudtrail: ct.user } }
  both: { type: filter, from: [mine, theirs], source: syscall, condition: proc.name exists }
sinks:
  all: { type: stdout, from: [much, both] }
  clouds: { type: http, from: theirs, url: 'http://127.0.0.1:1', headers: { a: { env: TEST_OPENED_A }, b: { file: none.txt } } }
`;

const documentOf = (...sets: string[]) => PipelineDocument.parse('it.yaml', YAML, sets);
const planOf = (...sets: string[]) => planPipeline(documentOf(...sets), builtIn());

function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, error.texts)).join('\n');
  }
  return '';
}

describe('only', () => {
  it('leaves what its sources reach, and of that no edge from elsewhere', () => {
    const { sources, operators, sinks, closed } = planOf('only=[far]');
    expect(sources.map(({ id }) => id)).toEqual(['far']);
    expect(closed).toEqual(['shared', 'cloud']);
    const edges = [...operators, ...sinks].map(({ id, from }) => [id, from]);
    expect(Object.fromEntries(edges)).toEqual({ mine: ['far'], both: ['mine'], much: ['both'], all: ['much', 'both'] });
  });

  it('leaves open what the pipeline has to say of itself, with what is below', () => {
    const self = ['sources.own={ type: internal }', 'sinks.said={ type: stdout, from: own }'];
    const { sources, sinks, closed } = planOf('only=[far]', ...self);
    expect(sources.map(({ id }) => id)).toEqual(['far', 'own']);
    expect(sinks.map(({ id }) => id)).toEqual(['all', 'said']);
    expect(closed).toEqual(['shared', 'cloud']);
  });

  it('keeps sinks that it reaches, and their identity', () => {
    const whole = planOf('only=[far, cloud]');
    const part = planOf('only=[far]');
    expect(whole.sinks.map(({ id }) => id)).toEqual(['all', 'clouds']);
    expect(part.sinks[0]?.identity).toBe(whole.sinks[0]?.identity);
    expect(part.digest).not.toBe(whole.digest);
  });

  it('that leaves a shared source closed allows state by key below it', () => {
    expect(errorOf(() => planOf())).toContain('replicas divide the events of shared');
    expect(errorOf(() => planOf('only=[shared]'))).toContain('replicas divide the events of shared');
    expect(errorOf(() => planOf('only=[far, cloud]'))).toBe('');
  });

  it('checks what it leaves out', () => {
    expect(errorOf(() => planOf('only=[far]', 'operators.theirs.condition=vcd.actoin = delete'))).toContain(
      'vcd.actoin',
    );
  });

  it.each([
    ['[clod]', 'names "clod", which is no source here', 'Did you mean "cloud"?'],
    ['[mine]', 'names "mine", which is no source here', 'Sources here: far, shared, cloud'],
    ['[]', 'only', ''],
    ['far', 'only', ''],
  ])('%s is refused', (given, message, hint) => {
    const errors = errorOf(() => planOf(`only=${given}`));
    expect(errors).toContain('--set:1:');
    expect(errors).toContain(message);
    expect(errors).toContain(hint);
  });
});

describe('secrets', () => {
  const missing = (...sets: string[]) => {
    const document = documentOf(...sets);
    return errorOf(() => checkNeeds(planPipeline(document, builtIn()), document, (path) => resolve('/nowhere', path)));
  };

  it('that are missing are all told, each at its place', () => {
    vi.stubEnv('TEST_OPENED_A', '');
    const errors = missing('only=[cloud]');
    expect(errors).toContain(
      'it.yaml:4:74: error: cloud: a secret is missing: the environment variable TEST_OPENED_VCD',
    );
    expect(errors).toContain('name in `only` the sources that are to be opened');
    expect(errors).toMatch(
      /it\.yaml:12:\d+: error: clouds: a secret is missing: the environment variable TEST_OPENED_A/,
    );
    expect(errors).toMatch(/it\.yaml:12:\d+: error: clouds: a secret cannot be read: .*\/nowhere\/none\.txt/);
    vi.unstubAllEnvs();
  });

  it('of what is not opened are not asked for, nor are files of TLS', () => {
    const tls = [
      'sources.cloud.tls={ ca: ca.pem }',
      'sinks.clouds={ type: http, from: cloud, url: "https://x", tls: {ca: ca.pem} }',
    ];
    expect(missing('only=[far]', ...tls)).toBe('');
    expect(missing('only=[cloud]', ...tls).match(/Cannot read ca\.pem/g)).toHaveLength(2);
  });

  it('are found in what a component of somebody made of its configuration, also where that contains itself', () => {
    const plain = planOf('only=[far]');
    const config: Record<string, unknown> = { deep: [{ token: new Secret({ env: 'TEST_OPENED_NONE' }) }] };
    config.self = config;
    const plan = { ...plain, sinks: plain.sinks.map((sink) => ({ ...sink, config })) };
    expect(errorOf(() => checkNeeds(plan, documentOf(), String))).toMatch(
      /error: all: a secret is missing.*TEST_OPENED_NONE/,
    );
  });
});
