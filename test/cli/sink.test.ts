/** `falco-pipe sink test`, and the sink http in a pipeline, through the built program. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeAlert } from '../../src/events/alert.ts';
import { recordJson } from '../../src/events/record-json.ts';
import { Program, pipeline } from '../e2e/program.ts';
import { scratch } from '../scratch.ts';
import { Receiver } from '../sinks/servers.ts';
import { runIn } from './in-process.ts';

let receiver: Receiver;
const folder = scratch();
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(() => receiver.stop());

function pipelineOf(sink: string): string {
  return pipeline(
    folder,
    `sources: { past: { type: replay, files: events.jsonl.gz, emits: [alert] } }
sinks:
  hook: { type: http, from: past, ${sink} }
  log: { type: file, from: past, path: out.jsonl }
`,
  );
}

const alerts = Array.from({ length: 300 }, (_, n) =>
  makeAlert(BigInt(n), {
    ...{ rule: `r${n}`, priority: 'Notice', tags: [], hostname: 'node1', source: 'syscall', outputFields: { n } },
    output: `number ${n}`,
  }),
);
writeFileSync(join(folder, 'events.jsonl.gz'), gzipSync(alerts.map((alert) => `${recordJson(alert)}\n`).join('')));

describe('sink test', () => {
  test('sends one alert, prints what came back, and leaves everything else alone', async () => {
    receiver.answer = () => ({ status: 202, headers: { 'x-id': 'abc' }, body: 'thank you' });
    const { code, stdout, stderr } = await Program.run(['sink', 'test', pipelineOf(`url: '${receiver.url}'`), 'hook']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^hook \(http\) took the alert\n\nHTTP status 202\n[\s\S]*x-id: abc\n[\s\S]*\nthank you\n$/);
    expect(receiver.bodies.map((body) => JSON.parse(body))).toEqual([
      expect.objectContaining({ rule: 'falco-pipe sink test', priority: 'Notice', hostname: 'node1', tags: ['test'] }),
    ]);
  });

  test('of a sink that answers with nothing, and as JSON', async () => {
    const { code, json } = await Program.run(['sink', 'test', pipelineOf('url: http://x'), 'log', '-o', 'json']);
    expect(code).toBe(0);
    expect(json).toEqual([{ sink: 'log', type: 'file', taken: true }]);
  });

  test('does without lists that cannot be had now', async () => {
    const rule = "- { rule: r, desc: d, condition: 'evt.type = open and fd.name in (far)', output: o, priority: INFO }";
    const list = "- { list: far, items_from: { url: 'http://127.0.0.1:1/far.txt' } }";
    writeFileSync(join(folder, 'far.yaml'), `${list}\n${rule}\n`);
    const path = pipeline(
      folder,
      `sources: { past: { type: replay, files: events.jsonl.gz } }
operators: { detect: { type: rules, from: past, files: far.yaml } }
sinks: { log: { type: file, from: detect, path: far.jsonl } }
`,
      'far-pipeline.yaml',
    );
    const { code, stdout, stderr } = await runIn(folder, ['sink', 'test', path, 'log']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'log (file) took the alert\n', stderr: '' });
  });

  test.each([
    ['nothing there', "url: 'http://127.0.0.1:1'", 69, /^The sink hook did not take the alert: .*ECONNREFUSED/],
    ['a secret that is missing', 'url: { env: NO_SUCH_HOOK }', 78, /pipeline\.yaml:3:\d+: error: hook: .*NO_SUCH_HOOK/],
    [
      'a file of TLS that is missing',
      'url: https://x, tls: { ca: /nowhere }',
      78,
      /:3:\d+: error: Cannot read \/nowhere/,
    ],
    ['a secret in the file', "url: http://x, bearer_token: 'hunter2'", 78, /a secret does not stand in the file/],
    ['a format that is misspelt', 'url: http://x, format: { type: lokki }', 78, /lokki|format/],
  ])('%s', async (_name, sink, status, message) => {
    const { code, stdout, stderr } = await Program.run(['sink', 'test', pipelineOf(sink), 'hook']);
    expect({ code, stdout }).toEqual({ code: status, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('hunter2');
  });

  test('of every other kind of sink, as it is built', async () => {
    const path = pipeline(
      folder,
      `sources: { past: { type: replay, files: events.jsonl.gz, emits: [alert] } }
sinks:
  bus: { type: nats, from: past, servers: 'nats://127.0.0.1:1' }
  siem: { type: syslog, from: past, address: 'tcp://127.0.0.1:1' }
  child: { type: program, from: past, command: [sh, -c, 'cat > ${folder}/child.jsonl'] }
`,
      'others.yaml',
    );
    for (const id of ['bus', 'siem']) {
      const { code, stderr } = await Program.run(['sink', 'test', path, id]);
      expect(code).toBe(69);
      expect(stderr).toMatch(new RegExp(`^The sink ${id} did not take the alert: .*(refused|ECONNREFUSED)`));
    }
    const { code, stdout } = await Program.run(['sink', 'test', path, 'child']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'child (program) took the alert\n' });
    expect(readFileSync(join(folder, 'child.jsonl'), 'utf8')).toContain('falco-pipe sink test');
  });

  test('a sink that is refused fails with what was said; one that is not there is suggested', async () => {
    receiver.answer = () => ({ status: 404, body: 'no_service' });
    const path = pipelineOf(`url: '${receiver.url}'`);
    const refused = await Program.run(['sink', 'test', path, 'hook']);
    expect(refused.code).toBe(69);
    expect(refused.stderr).toMatch(/^The sink hook did not take the alert: HTTP status 404\n[\s\S]*\nno_service\n$/);
    const unknown = await Program.run(['sink', 'test', path, 'hok']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('has no sink "hok"; did you mean "hook"?');
  });
});

describe('a pipeline with a sink http', () => {
  test('every alert arrives although the server is down for a while; the books are right', async () => {
    let requests = 0;
    const rules = new Set<string>();
    receiver.answer = ({ body }) => {
      if (++requests % 40 < 20) return { status: 503, headers: { 'retry-after': '0' } };
      rules.add(JSON.parse(body).rule);
      return {};
    };
    const path = pipelineOf(`url: '${receiver.url}', retry: { initial: 10ms, max: 50ms }`);
    const { code, stderr } = await Program.run(['run', path]);
    expect(code).toBe(0);
    expect(rules.size).toBe(300);
    expect(stderr).toContain('seen 300, delivered 300, filtered 0, dropped 0');
  });

  test('what is refused is dropped and counted by that name, not tried for ever', async () => {
    receiver.answer = ({ body }) => (Number(JSON.parse(body).output_fields.n) % 3 === 0 ? { status: 400 } : {});
    const { code, stderr } = await Program.run(['run', pipelineOf(`url: '${receiver.url}'`)]);
    expect(code).toBe(1);
    expect(stderr).toContain('seen 300, delivered 200, filtered 0, dropped 100 (refused 100)');
    expect(receiver.got).toHaveLength(300);
  });
});
