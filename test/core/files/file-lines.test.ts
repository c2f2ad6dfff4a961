import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { fileLines } from '../../../src/core/files/file-lines.ts';
import { scratch } from '../../scratch.ts';

async function linesOf(content: string | Uint8Array): Promise<string[]> {
  const path = join(scratch(), 'lines');
  writeFileSync(path, content);
  const lines: string[] = [];
  for await (const line of fileLines(path, { what: 'events', shown: 'given' })) lines.push(line);
  return lines;
}

it('gives the lines of a file, whatever their ends fall on', async () => {
  const lines = Array.from({ length: 50 }, (_, index) => 'é'.repeat(index * 1000));
  expect(await linesOf(lines.join('\n'))).toEqual(lines);
  expect(await linesOf(gzipSync(`${lines.join('\n')}\n`))).toEqual(lines);
  expect(await linesOf('')).toEqual([]);
});

it('ends at a line that does not end: what is small when compressed does not fill the memory', async () => {
  const endless = gzipSync(Buffer.concat([Buffer.from('a\nb\n'), Buffer.alloc(65 * 1024 * 1024, 'x')]));
  await expect(linesOf(endless)).rejects.toMatchObject({
    exit: 69,
    message: 'Cannot read events from given: line 3 has more than 64 MiB',
  });
});
