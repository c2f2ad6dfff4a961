import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { fileStream } from '../../../src/core/files/file-stream.ts';
import { atEnd, scratch } from '../../scratch.ts';

const LINES = resolve(import.meta.dirname, '../../../src/core/files/file-lines.ts');

function namedPipe(): string {
  const path = join(scratch(), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

it('gives what is in a file', async () => {
  const path = join(scratch(), 'file');
  writeFileSync(path, 'a'.repeat(300_000));
  expect(await text(fileStream(path, { highWaterMark: 1000 }))).toBe('a'.repeat(300_000));
  await expect(text(fileStream(`${path}.none`))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('gives what comes through a pipe, from whoever opens it and whenever, to the end of the last', async () => {
  const path = namedPipe();
  const all = text(fileStream(path));
  await sleep(50);
  // One writer that writes twice, with a while between.
  const writer = spawn('sh', ['-c', 'exec >"$0"; echo one; sleep 0.1; head -c 200000 /dev/zero | tr "\\0" x', path]);
  atEnd(() => writer.kill('SIGKILL'));
  expect(await all).toBe(`one\n${'x'.repeat(200_000)}`);
});

it('waits for a writer no longer than its signal lets it, and the program can end', () => {
  const path = namedPipe();
  const code = `
    import { fileLines } from ${JSON.stringify(LINES)};
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 100);
    try {
      for await (const line of fileLines(${JSON.stringify(path)}, { what: 'events', signal: stop.signal })) console.log(line);
    } catch (error) {
      console.log(error.message);
    }
  `;
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 });
  expect([String(stdout), signal]).toEqual(['stopped\n', null]);
});
