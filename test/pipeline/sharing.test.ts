/** Operators that keep state, where replicas divide the events of a source: a plan in which each would have a part is refused. */

import { describe, expect, it } from 'vitest';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';

const DIVIDED = 'subject: a, partitions: { of: 4, mine: [0, 1] }';

/** The errors of a collector with that operator below the source; '' when there are none. */
function errorsOf(source: string, operator: string, below = ''): string {
  const yaml = [
    'sources:',
    `  nodes: { type: nats, servers: 'nats://localhost', stream: S, emits: [alert], ${source} }`,
    '  self: { type: internal }',
    'operators:',
    `  op: ${operator}`,
    ...(below ? [`  below: ${below}`] : []),
    `sinks: { out: { type: stdout, from: ${below ? 'below' : 'op'} }, rest: { type: stdout, from: self } }`,
  ].join('\n');
  return errorsIn(yaml);
}

function errorsIn(yaml: string): string {
  try {
    planPipeline(PipelineDocument.parse('collector.yaml', yaml), builtIn());
    return '';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, error.texts)).join('\n');
  }
}

const stateful = [
  '{ type: throttle, from: nodes, key: KEY }',
  '{ type: dedupe, from: nodes, key: KEY }',
  '{ type: correlate, from: nodes, key: KEY, threshold: { count: 2 }, rule: Many }',
  '{ type: watch, from: nodes, key: KEY, rule: Silent }',
];

describe.each(stateful)('%s', (operator) => {
  const keyed = (key: string) => operator.replace('KEY', key);

  it('below a source that replicas divide as they ask is refused, with what to do', () => {
    const errors = errorsOf('', keyed('rule'));
    expect(errors).toContain(
      'It keeps state by key, but replicas divide the events of nodes: each would have a part of it',
    );
    expect(errors).toContain('`partitions`');
    expect(errors).toContain('`exclusive`');
    expect(errors).toMatch(/^collector.yaml:5:\d+: error: /);
  });

  it('below partitions needs their fields in its key', () => {
    expect(errorsOf(DIVIDED, keyed('rule'))).toContain('divide the events of nodes by node.name: each would');
    expect(errorsOf(DIVIDED, keyed('rule'))).toContain('Put node.name into the key');
    expect(errorsOf(DIVIDED, keyed('[rule, node.name]'))).toBe('');
  });

  it('is fine where one replica reads all', () => {
    expect(errorsOf('exclusive: true', keyed('rule'))).toBe('');
    expect(errorsOf('subject: a, partitions: { of: 4 }', keyed('rule'))).toBe('');
  });
});

it('a state for all events needs all of them', () => {
  expect(errorsOf(DIVIDED, '{ type: throttle, from: nodes }')).toContain('It keeps one state for all events');
});

it('what keeps no state may be anywhere, and what comes from other sources does not matter', () => {
  expect(errorsOf('', '{ type: filter, from: nodes, condition: rule = a }')).toBe('');
  expect(
    errorsOf('', '{ type: filter, from: nodes, condition: rule = a }', '{ type: throttle, from: self }'),
  ).not.toContain('replicas divide');
});

it('is found through operators in between', () => {
  const errors = errorsOf(
    '',
    '{ type: filter, from: nodes, condition: rule = a }',
    '{ type: throttle, from: op, key: rule }',
  );
  expect(errors).toContain('collector.yaml:6:');
  expect(errors).toContain('replicas divide the events of nodes');
});

it('a queue of log files is divided as replicas ask, until it is said that one reads it alone', () => {
  const operator = '{ type: throttle, from: nodes, key: ct.user }';
  const ofQueue = (more: string) => {
    const yaml = [
      `sources: { nodes: { type: cloudtrail, queue: audit${more} } }`,
      `operators: { op: ${operator} }`,
      'sinks: { out: { type: stdout, from: op } }',
    ].join('\n');
    return errorsIn(yaml);
  };
  expect(ofQueue('')).toContain('replicas divide the events of nodes');
  expect(ofQueue(', exclusive: true')).toBe('');
  expect(ofQueue(', mode: s3, bucket: b, exclusive: true')).toContain('`exclusive` is for mode sqs, not s3');
});

it('what is expected cannot be known where the service divides the events by itself', () => {
  const watching = (more: string) =>
    errorsIn(
      [
        `sources: { nodes: { type: azure_event_hubs, connection: { file: hub }, emits: [azure_audit], partitioned_by: [azure.subscriptionid]${more} } }`,
        'operators: { op: { type: watch, from: nodes, key: azure.subscriptionid, rule: Silent, expect: [a] } }',
        'sinks: { out: { type: stdout, from: op } }',
      ].join('\n'),
    );
  expect(watching('')).toBe('');
  const divided = watching(', checkpoints: { url: "https://a.blob.core.windows.net", container: audit }');
  expect(divided).toContain('Replicas divide the events of nodes, and nobody knows beforehand what comes to which');
});
