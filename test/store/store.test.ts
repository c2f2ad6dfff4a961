import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { Store } from '../../src/store/store.ts';
import { scratch } from '../scratch.ts';

const module = fileURLToPath(new URL('../../src/store/store.ts', import.meta.url));
const unexpected = (error: unknown) => {
  throw error;
};

let folder = '';
beforeEach(() => {
  folder = scratch();
});
afterEach(() => {
  chmodSync(folder, 0o700);
});

const open = (state = folder) => Store.open(state, unexpected);

/** Opens it and returns the error that it throws. */
async function refused(state = folder): Promise<UserError> {
  let store: Store;
  try {
    store = await Store.open(state, unexpected);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  await store.close();
  throw new Error('it was opened');
}

/** Notes something, and closes and opens the file. */
async function reopened(work: (store: Store) => unknown): Promise<Store> {
  const store = await open();
  await work(store);
  await store.close();
  return open();
}

describe('the store', () => {
  it('has positions again, the last one of each key', async () => {
    const second = await reopened((store) => {
      expect(store.get('a')).toBeUndefined();
      store.set('a', { file: 1, line: 7 });
      store.set('b', 'text');
      store.set('a', { file: 2, line: 0 });
      // Before it is written, too: a source may be opened again at any time.
      expect(store.get('a')).toEqual({ file: 2, line: 0 });
    });
    expect([second.get('a'), second.get('b'), second.get('c')]).toEqual([{ file: 2, line: 0 }, 'text', undefined]);
    await second.close();
  });

  it('remembers ids by source', async () => {
    const store = await reopened((first) => {
      first.setSeen('a', ['1', '2']);
      first.setSeen('b', ['3']);
      first.setSeen('a', ['2', '4']);
    });
    expect(await store.seen('a', ['1', '2', '3', '4', '5'])).toEqual(['1', '2', '4']);
    await store.close();
  });

  it('has the state of an operator, for the same configuration only; Maps and 64-bit integers too', async () => {
    const state = new Map([['k', { n: 2n ** 60n }]]);
    const store = await reopened((first) => first.setSnapshot('op', 'one', state));
    expect(store.snapshot('op', 'one')).toEqual(state);
    expect(store.snapshot('op', 'two')).toBeUndefined();
    await store.close();
  });

  it('spools in order, by sink, and forgets what was delivered', async () => {
    const store = await reopened(async (first) => {
      for (const n of [1, 2, 3]) await first.spool('out', 10, `text ${n}`);
      await first.spool('other', 5, 'else');
    });
    expect([store.waiting('out'), store.waiting('other'), store.waiting('none')]).toEqual([30, 5, 0]);
    const rows = await store.spooled('out', 0, 25);
    expect(rows.map(({ text, count }) => [text, count])).toEqual([
      ['text 1', 10],
      ['text 2', 10],
    ]);
    store.unspool(rows[0]?.id as number);
    await store.close();
    const again = await open();
    expect(again.waiting('out')).toBe(20);
    expect((await again.spooled('out', 0, 1)).map(({ text }) => text)).toEqual(['text 2']);
    await again.close();
  });

  it('keeps dead letters, and puts them back into the spool of their sinks', async () => {
    const letter = { sink: 'out', reason: 'refused', message: '400', time: 7, count: 2 };
    const store = await reopened(async (first) => {
      await first.bury(letter, 'a\nb');
      await first.bury({ ...letter, sink: 'other' }, 'c');
    });
    expect(await store.dead('out')).toEqual([{ id: 1, ...letter }]);
    expect(await store.dead()).toHaveLength(2);
    expect([await store.letter(1), await store.letter(9)]).toEqual(['a\nb', undefined]);
    expect(await store.exhume({ ids: [2] })).toMatchObject({ waiting: { other: 2 }, dead: { out: 2 } });
    expect(await store.exhume({ sink: 'out' })).toEqual({ waiting: { out: 2, other: 2 }, dead: {}, deadBytes: {} });
    expect(await store.dead()).toEqual([]);
    expect((await store.spooled('out', 0, 1)).map(({ text }) => text)).toEqual(['a\nb']);
    await store.close();
  });

  it('deletes dead letters, those of sources too, and knows how large they are', async () => {
    const letter = { sink: 'out', reason: 'refused', message: '400', time: 7, count: 2 };
    const store = await reopened(async (first) => {
      await first.bury(letter, 'a\nb');
      await first.bury({ ...letter, sink: 'source k8s' }, 'c');
      await first.bury({ ...letter, sink: 'source k8s' }, 'd');
    });
    expect(store.buriedBytes('source k8s')).toBeGreaterThan(store.buriedBytes('out'));
    expect((await store.discard({ ids: [2] })).dead).toEqual({ out: 2, 'source k8s': 2 });
    expect((await store.discard({ sink: 'source k8s' })).dead).toEqual({ out: 2 });
    expect((await store.dead()).map(({ id }) => id)).toEqual([1]);
    await store.close();
  });

  it('takes a file of the first layout', async () => {
    const database = new DatabaseSync(join(folder, 'state.db'));
    database.exec(`CREATE TABLE position (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      INSERT INTO position VALUES ('src', '17'); PRAGMA user_version = 1`);
    database.close();
    const store = await open();
    expect(store.get('src')).toBe(17);
    store.setSeen('src', ['a']);
    expect(await store.seen('src', ['a'])).toEqual(['a']);
    await store.close();
  });

  it('is in a folder that only its owner may read', async () => {
    const state = join(folder, 'made/below');
    await (await open(state)).close();
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, 'state.db')).mode & 0o777).toBe(0o600);
  });

  it('writes all that is noted in one turn, or nothing of it', async () => {
    const script = `
      const store = await Store.open(folder, () => {});
      let n = Number(store.get('a') ?? 0);
      for (;;) {
        n++;
        for (let i = 0; i < 300; i++) store.set('x' + i, n);
        store.set('a', n);
        store.setSnapshot('op', 'same', n);
        await new Promise(setImmediate);
        if (n % 10 === 0) await store.committed().then(() => console.log(n));
      }`;
    for (let round = 0; round < 4; round++) {
      const child = childWith(script);
      await once(createInterface({ input: child.stdout }), 'line');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = await open();
      const n = store.get('a');
      expect([store.get('x0'), store.get('x299'), store.snapshot('op', 'same')]).toEqual([n, n, n]);
      expect(n).toBeGreaterThanOrEqual(10);
      await store.close();
    }
  });

  it('a full disk: said, kept, tried again', async ({ skip }) => {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    skip(status !== 0, 'a small disk cannot be mounted here');
    try {
      const errors: string[] = [];
      const recovered = vi.fn();
      const store = await Store.open(folder, (error) => errors.push(String(error)), recovered);
      const ballast = join(folder, 'ballast');
      expect(() => writeFileSync(ballast, Buffer.alloc(1024 ** 2))).toThrow(/ENOSPC/);
      store.set('a', 1);
      const spooled = store.spool('out', 1, 'x'.repeat(100_000));
      await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1), 10_000);
      expect(errors[0]).toMatch(/full|disk I\/O/);
      const full = errors[0]?.replace(/^Error: /, '');
      expect([store.problem, store.get('a')]).toEqual([`the state cannot be written to ${folder}: ${full}`, 1]);
      expect(recovered).not.toHaveBeenCalled();
      rmSync(ballast);
      await spooled;
      expect(store.problem).toBeUndefined();
      expect(recovered).toHaveBeenCalledOnce();
      await store.close();
      const again = await open();
      expect([again.get('a'), again.waiting('out')]).toEqual([1, 1]);
      await again.close();
      // At the end nothing is tried again: how many events are lost by that is told.
      const lost: (number | undefined)[] = [];
      const last = await Store.open(folder, (_, count) => lost.push(count));
      expect(() => writeFileSync(ballast, Buffer.alloc(1024 ** 2))).toThrow(/ENOSPC/);
      for (let n = 0; n < 3; n++) void last.spool('out', 5, randomBytes(50_000).toString('hex'));
      last.set('a', 2);
      await vi.waitFor(() => expect(lost).toContain(undefined), 10_000);
      await last.close();
      expect(lost.at(-1)).toBe(15);
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});

it('a disk that is full when it is opened: told from damage, and left as it is', async ({ skip }) => {
  const disk = scratch();
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', disk]);
  skip(status !== 0, 'a small disk cannot be mounted here');
  try {
    expect(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(1024 ** 2))).toThrow(/ENOSPC/);
    const error = await Store.open(join(disk, 'state'), () => {}).catch((reason) => reason);
    expect(error.message).toMatch(/state.db cannot be written: .*(full|ENOSPC|I\/O).*\. Make room on its disk/);
    expect(error.exit).toBe(75);
  } finally {
    execFileSync('umount', [disk]);
  }
});

/** A process of its own with a store. */
function childWith(script: string) {
  const head = `const { Store } = await import(${JSON.stringify(`file://${module}`)}); const folder = ${JSON.stringify(folder)};`;
  return spawn(process.execPath, ['--input-type=module', '-e', `${head}${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** A process that opens the store, moves its position on and on, and says what it has noted. */
function writer() {
  return childWith(`
    const store = await Store.open(folder, (error) => { throw error; });
    let n = Number(store.get('src') ?? 0);
    console.log('begin ' + n);
    setInterval(() => { store.set('src', ++n); console.log(n); }, 1);
    for (;;) {
      const noted = n;
      await store.committed();
      console.log('kept ' + noted);
      await new Promise((done) => setTimeout(done, 5));
    }
  `);
}

describe('two processes', () => {
  it('the second is refused while the first has it, and the first does not notice', async () => {
    const child = writer();
    await once(createInterface({ input: child.stdout }), 'line');
    const error = await refused();
    expect(error.message).toBe(
      `${folder}/state.db is in use by another falco-pipe; give this one a --state folder of its own.`,
    );
    expect(error.exit).toBe(78);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await open()).close();
  });

  it('in one process it is no different', async () => {
    const first = await open();
    expect((await refused()).message).toContain('in use by another falco-pipe');
    first.set('a', 1);
    await first.close();
    const again = await open();
    expect(again.get('a')).toBe(1);
    await again.close();
  });

  it('kill -9 at any moment: it opens, and has all but what was noted last', async () => {
    let last = 0;
    for (const more of [40, 45, 60, 90]) {
      const child = writer();
      const lines: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      while (lines.length < more) await new Promise((resolve) => setTimeout(resolve, 1));
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(lines[0]).toBe(`begin ${last}`);
      const said = (pattern: RegExp) => Math.max(last, ...lines.map((line) => Number(pattern.exec(line)?.[1] ?? 0)));
      const store = await open();
      const kept = Number(store.get('src'));
      await store.close();
      expect(kept).toBeGreaterThanOrEqual(said(/^kept (\d+)$/));
      // A number may have been noted, and not yet been said.
      expect(kept).toBeLessThanOrEqual(said(/^(\d+)$/) + 1);
      last = kept;
    }
  });
});

describe('a state file that cannot be used', () => {
  it('of a newer program is refused, untouched', async () => {
    await (await open()).close();
    const file = join(folder, 'state.db');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    const error = await refused();
    expect(error.message).toBe(`${file} was written by a newer falco-pipe (layout 99, this one knows 2)`);
    expect(error.exit).toBe(78);
    // Nobody holds it after the refusal: the newer program can go on.
    const newer = new DatabaseSync(file);
    newer.exec('BEGIN EXCLUSIVE; COMMIT');
    expect(newer.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
    newer.close();
  });

  it('that is damaged says so, and what to do; it is left as it is', async () => {
    const file = join(folder, 'state.db');
    writeFileSync(file, 'no database '.repeat(200));
    const error = await refused();
    expect(error.message).toBe(
      `${file} cannot be used: file is not a database. Move it away to start afresh: replayable sources then begin where they first began.`,
    );
    expect(error.exit).toBe(78);
    expect(readFileSync(file, 'utf8')).toBe('no database '.repeat(200));
  });

  it('of which a part was overwritten says so', async () => {
    const first = await open();
    for (let n = 0; n < 200; n++) first.set(`key ${n}`, 'x'.repeat(100));
    await first.close();
    const file = join(folder, 'state.db');
    const bytes = readFileSync(file);
    bytes.fill(0xff, 3 * 4096, bytes.length - 4096);
    writeFileSync(file, bytes);
    const error = await refused();
    expect(error.message).toMatch(/state.db cannot be used: .*Move it away to start afresh/s);
    expect(error.exit).toBe(78);
  });

  it('without its table is no state file of ours', async () => {
    const file = join(folder, 'state.db');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 1');
    database.close();
    expect((await refused()).message).toMatch(/state.db cannot be used: no such table: position. Move it away/);
  });

  it('below a file, or in a folder that is not there and cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const state of ['file', 'file/below']) {
      const error = await refused(join(folder, state));
      expect(error.message).toMatch(/state.db cannot be written: E(EXIST|NOTDIR): .*Name a folder that this user may/);
      expect(error.exit).toBe(77);
    }
  });

  // The other user has to load the store's thread from this checkout.
  const readable =
    spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'cat', module], { stdio: 'ignore' }).status === 0;
  const skip = process.getuid?.() === 0 && !readable;
  const note = skip ? ' (skipped: no other user may read this checkout)' : '';
  it.skipIf(skip)(`in a folder that the user may not write to${note}`, async () => {
    await (await open()).close();
    const script = `
      const { Store } = await import(${JSON.stringify(`file://${module}`)});
      process.setgid?.(65534); process.setuid?.(65534);
      try { await Store.open(${JSON.stringify(folder)}, () => {}); } catch (error) { console.log(error.exit, error.message); }
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
    const advice = root ? 'It belongs to the user 0: run this as that one, or name' : 'Name';
    expect(stdout).toMatch(
      new RegExp(`^77 .*state.db cannot be written: .* ${advice} a folder that this user may write to`),
    );
  });
});
