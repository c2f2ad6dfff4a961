/** Every sink takes common secrets out of what it writes, unless it is told not to. */

import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SinkDefinition } from '../../src/core/component.ts';
import { file } from '../../src/sinks/file.ts';
import { http } from '../../src/sinks/http.ts';
import { sinks } from '../../src/sinks/index.ts';
import { program } from '../../src/sinks/program.ts';
import { syslog } from '../../src/sinks/syslog.ts';
import { scratch } from '../scratch.ts';
import { commandOf, secretEvents } from './children.ts';
import { Receiver, until } from './servers.ts';
import { never, openSink } from './shared.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

/** Writes an alert and a record with a password, and returns what came out. */
type Written = (config: object) => Promise<string>;

async function written(definition: SinkDefinition, config: object): Promise<void> {
  const sink = await openSink(definition, config);
  await sink.write(secretEvents(), never);
  await sink.close();
}

async function overHttp(config: object): Promise<string> {
  const receiver = await Receiver.start();
  await written(http, { url: receiver.url, fields: ['proc.cmdline'], ...config });
  await receiver.stop();
  return receiver.got.map(({ body }) => body).join('\n');
}

async function overUdp(config: object): Promise<string> {
  const server = createSocket('udp4');
  const got: string[] = [];
  server.on('message', (message) => got.push(message.toString()));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  await written(syslog, { address: `udp://127.0.0.1:${(server.address() as AddressInfo).port}`, ...config });
  await until(() => got.length === 2);
  server.close();
  return got.join('\n');
}

const through: Record<string, Written> = {
  async file(config) {
    const path = join(folder, 'out');
    await written(file, { path, ...config });
    const text = readFileSync(path, 'utf8');
    rmSync(path);
    return text;
  },
  async program(config) {
    const path = join(folder, 'out');
    await written(program, { command: ['sh', '-c', 'cat > "$1"', 'sh', path], ...config });
    return readFileSync(path, 'utf8');
  },
  stdout: async (config) =>
    spawnSync('sh', ['-c', commandOf('secrets', [JSON.stringify(config)])], { encoding: 'utf8' }).stdout,
  http: overHttp,
  syslog: overUdp,
};

describe.each(Object.entries(through))('the sink %s', (type, write) => {
  const formats = type === 'http' ? ['falco', 'cloudevents'] : ['text', 'json'];

  it.each(formats)('as %s writes no password, unless it is told to', async (format) => {
    const clean = await write({ format });
    expect(clean.match(/--password=\[redacted\]/g)?.length).toBeGreaterThanOrEqual(2);
    expect(clean).not.toContain('hunter2');
    expect((await write({ format, redact: false })).match(/--password=hunter2/g)?.length).toBeGreaterThanOrEqual(2);
  });
});

it('is what every sink does by default', () => {
  for (const { type, config } of sinks) {
    const { redact } = (config as unknown as { shape: Record<string, { safeParse(value: unknown): unknown }> }).shape;
    expect(redact?.safeParse(undefined), type).toMatchObject({ success: true, data: true });
  }
});
