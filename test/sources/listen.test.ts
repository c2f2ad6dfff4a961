/** What `validate` says of sources that listen, and of keys that belong to another mode. */

import { expect, it } from 'vitest';
import { renderDiagnostic, UserError } from '../../src/core/errors.ts';
import { PipelineDocument } from '../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../src/pipeline/plan/registry.ts';

function said(source: object, more: object = {}): string {
  const text = JSON.stringify({ sources: { in: source }, sinks: { out: { type: 'stdout', from: 'in' } }, ...more });
  try {
    const { warnings } = planPipeline(PipelineDocument.parse('/x/p.yaml', text), builtIn());
    return warnings.map((each) => renderDiagnostic(each)).join('\n');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.diagnostics.map((each) => renderDiagnostic(each)).join('\n');
  }
}

const token = { env: 'T' };

it.each([
  [{ type: 'k8s_audit' }, /^$/],
  [{ type: 'k8s_audit', listen: '[::1]:1' }, /^$/],
  [{ type: 'k8s_audit', listen: 'localhost:1' }, /^$/],
  [{ type: 'k8s_audit', listen: '127.1:1' }, /^$/],
  [{ type: 'k8s_audit', listen: '[::ffff:127.0.0.1]:1' }, /^$/],
  [
    { type: 'k8s_audit', listen: '0.0.0.0:1' },
    /warning: Whoever reaches 0\.0\.0\.0:1 can make up events\n.*bearer_token/,
  ],
  [{ type: 'cloudevents', listen: '10.0.0.1:1', bearer_token: token }, /warning: The token crosses the network/],
  [{ type: 'k8s_audit', listen: 'nowhere' }, /an address is HOST:PORT/],
  [{ type: 'k8s_audit', listen: '127.0.0.1:65536' }, /a port is at most 65535/],
  [{ type: 'cloudevents', listen: '[::1]:99999' }, /a port is at most 65535/],
  [{ type: 'k8s_audit', file: 'audit.log' }, /`file` is of mode file/],
  [{ type: 'k8s_audit', mode: 'file' }, /mode file needs `file`/],
  [{ type: 'k8s_audit', mode: 'file', file: 'a', bearer_token: token }, /`bearer_token` is of mode webhook/],
  [{ type: 'k8s_audit', mode: 'file', file: '/dev/null' }, /^$/],
  [{ type: 'ovh_mks', url: 'wss://ldp.example/tail/?tk=abc', token }, /a secret does not stand in the file/],
  [{ type: 'ovh_mks', url: 'ws://ldp.example/tail/', token }, /warning: The token crosses the network in the clear/],
  [{ type: 'vcloud', url: 'http://vcd.example', api_token: token }, /warning: Passwords and tokens cross the network/],
  [{ type: 'vcloud', url: 'http://localhost.evil.example', api_token: token }, /warning: Passwords and tokens cross/],
  [{ type: 'vcloud', url: 'http://localhost:8080', api_token: token }, /^$/],
  [
    { type: 'vcloud', url: 'http://vcd.example:99999', api_token: token },
    /the host or the port of the address is none/,
  ],
  [{ type: 'vcloud', url: 'vcd.example', api_token: token }, /url: an address without a path/],
  [
    { type: 'ovh_mks', url: 'ws://127.evil.example/tail/', token },
    /warning: The token crosses the network in the clear/,
  ],
  [
    { type: 'vcloud', url: 'http://localhost', api_token: token, tls: {} },
    /error: What is sent by http:\/\/ goes in the clear, whatever `tls` says\n {2}Write https:\/\/, or remove `tls`\.$/,
  ],
  [
    { type: 'ovh_mks', url: 'ws://localhost/tail/', token, tls: {} },
    /error: What is sent by ws:\/\/ goes in the clear[\s\S]*Write wss:/,
  ],
  [{ type: 'vcloud', url: 'https://vcd', api_token: token, tls: { ca: '/nowhere' } }, /^$/],
  [{ type: 'ovh_mks', url: 'wss://ldp/tail/', token, tls: { ca: '/nowhere' } }, /^$/],
  [{ type: 'ovh_mks', url: 'ws://[::1]:80/tail/', token }, /^$/],
  [{ type: 'ovh_mks', url: 'ws://127.1/tail/', token }, /^$/],
  [{ type: 'ovh_mks', url: 'wss://ldp.example:70000/tail/', token }, /the host or the port of the address is none/],
])('%j', (source, expected) => {
  expect(said(source)).toMatch(expected);
});

it.each([
  ['127.0.0.1:0', /^$/],
  ['[::1]:65535', /^$/],
  ['127.0.0.1:65536', /http\.listen: a port is at most 65535, not "127\.0\.0\.1:65536"/],
  ['8765', /http\.listen: an address is HOST:PORT, such as 127\.0\.0\.1:8765/],
])('health and metrics at %s', (listen, expected) => {
  expect(said({ type: 'k8s_audit' }, { http: { listen } })).toMatch(expected);
});

it('a secret that would cross a network in the clear has one code, whoever sends or awaits it', () => {
  const nats = { type: 'nats', servers: 'nats://nats.example', stream: 'S', token };
  const codes = (source: object) => {
    const text = JSON.stringify({ sources: { in: source }, sinks: { out: { type: 'stdout', from: 'in' } } });
    return planPipeline(PipelineDocument.parse('/x/p.yaml', text), builtIn()).warnings.map(({ code }) => code);
  };
  for (const source of [
    nats,
    { type: 'k8s_audit', listen: '10.0.0.1:1', bearer_token: token },
    { type: 'cloudevents', listen: '10.0.0.1:1', bearer_token: token },
    { type: 'ovh_mks', url: 'ws://ldp.example/tail/', token },
    { type: 'vcloud', url: 'http://vcd.example', api_token: token },
  ])
    expect([source, codes(source)]).toEqual([source, ['PLAIN_TOKEN']]);
});
