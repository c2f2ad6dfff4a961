import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { openPositions } from '../../src/store/positions.ts';

const module = fileURLToPath(new URL('../../src/store/positions.ts', import.meta.url));
const unexpected = (error: unknown) => {
  throw error;
};

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'falco-pipe-state-'));
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true });
});

const open = (state = folder) => openPositions(state, unexpected);

/** Opens it and returns the error that it throws. */
function refused(state = folder): UserError {
  try {
    openPositions(state, unexpected).close();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('it was opened');
}

describe('positions', () => {
  it('are there again, the last one of each key', () => {
    const first = open();
    expect(first.get('a')).toBeUndefined();
    first.set('a', { file: 1, line: 7 });
    first.set('b', 'text');
    first.set('a', { file: 2, line: 0 });
    // Before it is written, too: a source may be opened again at any time.
    expect(first.get('a')).toEqual({ file: 2, line: 0 });
    first.close();
    const second = open();
    expect([second.get('a'), second.get('b'), second.get('c')]).toEqual([{ file: 2, line: 0 }, 'text', undefined]);
    second.close();
  });

  it('are in a folder that only its owner may read', () => {
    const state = join(folder, 'made');
    open(state).close();
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, 'state.db')).mode & 0o777).toBe(0o600);
  });

  it('that cannot be written are said, kept and tried again', async () => {
    vi.useFakeTimers();
    const errors: unknown[] = [];
    const store = openPositions(folder, (error) => errors.push(error));
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(() => {
      throw new Error('database or disk is full');
    });
    store.set('a', 1);
    await vi.advanceTimersByTimeAsync(2500);
    expect(errors).toHaveLength(3);
    expect(store.get('a')).toBe(1);
    exec.mockRestore();
    await vi.advanceTimersByTimeAsync(1000);
    expect(errors).toHaveLength(3);
    vi.useRealTimers();
    store.close();
    const again = open();
    expect(again.get('a')).toBe(1);
    again.close();
  });
});

/** A process that opens the store, moves its position on and on, and says what it has noted. */
function writer(state: string) {
  const script = `
    const { openPositions } = await import(${JSON.stringify(`file://${module}`)});
    const store = openPositions(${JSON.stringify(state)}, (error) => { throw error; });
    let n = Number(store.get('src') ?? 0);
    console.log('begin ' + n);
    setInterval(() => { store.set('src', ++n); console.log(n); }, 1);
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('two processes', () => {
  it('the second is refused while the first has it, and the first does not notice', async () => {
    const child = writer(folder);
    await once(createInterface({ input: child.stdout }), 'line');
    const error = refused();
    expect(error.message).toBe(
      `${folder}/state.db is in use by another falco-pipe; give this one a --state folder of its own.`,
    );
    expect(error.exit).toBe(78);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    open().close();
  });

  it('in one process it is no different', () => {
    const first = open();
    expect(refused().message).toContain('in use by another falco-pipe');
    first.set('a', 1);
    first.close();
    const again = open();
    expect(again.get('a')).toBe(1);
    again.close();
  });

  it('kill -9 at any moment: it opens, and has all but what was noted last', async () => {
    let last = 0;
    for (const more of [40, 45, 60, 90]) {
      const child = writer(folder);
      const lines: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      while (lines.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(lines[0]).toBe(`begin ${last}`);
      const before = Number(lines.at(-1));
      // One number a millisecond: after so many more, the first group was written long ago, whatever the machine does.
      while (Number(lines.at(-1)) < before + more) await new Promise((resolve) => setTimeout(resolve, 1));
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = open();
      const kept = Number(store.get('src'));
      store.close();
      expect(kept).toBeGreaterThanOrEqual(before);
      expect(kept).toBeLessThanOrEqual(Number(lines.at(-1)) + 1);
      last = kept;
    }
  });
});

describe('a state file that cannot be used', () => {
  it('of a newer program is refused, untouched', () => {
    open().close();
    const file = join(folder, 'state.db');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    const error = refused();
    expect(error.message).toBe(`${file} was written by a newer falco-pipe (layout 99, this one knows 1)`);
    expect(error.exit).toBe(78);
    // Nobody holds it after the refusal: the newer program can go on.
    const newer = new DatabaseSync(file);
    newer.exec('BEGIN EXCLUSIVE; COMMIT');
    expect(newer.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
    newer.close();
  });

  it('that is damaged says so, and what to do; it is left as it is', () => {
    const file = join(folder, 'state.db');
    writeFileSync(file, 'no database '.repeat(200));
    const error = refused();
    expect(error.message).toBe(
      `${file} cannot be used: file is not a database. Move it away to start afresh: replayable sources then begin where they first began.`,
    );
    expect(error.exit).toBe(78);
    expect(readFileSync(file, 'utf8')).toBe('no database '.repeat(200));
  });

  it('without its table is no state file of ours', () => {
    const file = join(folder, 'state.db');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 1');
    database.close();
    expect(refused().message).toMatch(/state.db cannot be used: no such table: position. Move it away/);
  });

  it('below a file, or in a folder that is not there and cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const state of ['file', 'file/below']) {
      const error = refused(join(folder, state));
      expect(error.message).toMatch(/state.db cannot be written: E(EXIST|NOTDIR): .*Name a folder that this user may/);
      expect(error.exit).toBe(77);
    }
  });

  it('in a folder that the user may not write to', () => {
    open().close();
    const script = `
      const { openPositions } = await import(${JSON.stringify(`file://${module}`)});
      process.setgid?.(65534); process.setuid?.(65534);
      try { openPositions(${JSON.stringify(folder)}, () => {}); } catch (error) { console.log(error.exit, error.message); }
    `;
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'state.db'), 0o644);
    const root = process.getuid?.() === 0;
    if (!root) chmodSync(folder, 0o555);
    const { stdout } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', root ? script : script.replace(/process.setgid.*/, '')],
      { encoding: 'utf8' },
    );
    expect(stdout).toMatch(/^77 .*state.db cannot be written: .* Name a folder that this user may write to/);
  });
});
