import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Accounts, parseGroup, parsePasswd, type TextFile } from '../../src/events/accounts.ts';
import { scratch } from '../scratch.ts';

describe('parsePasswd', () => {
  it('reads users; the first of one uid counts', () => {
    const users = parsePasswd(
      'root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:\nalice:x:1000:1000:A,,,:/home/alice:/bin/zsh\n',
    );
    expect(users.get(0)).toEqual({ uid: 0, name: 'root', home: '/root', shell: '/bin/bash' });
    expect(users.get(1000)).toEqual({ uid: 1000, name: 'alice', home: '/home/alice', shell: '/bin/zsh' });
    expect(users.size).toBe(2);
  });

  it('passes over lines that name no user', () => {
    expect(
      parsePasswd('# comment\n\n:x:5:5\nbob\nbob:x:-1:0\nbob:x:99999999999:0\nbob:x:4294967296:0\n+::::::\n').size,
    ).toBe(0);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const uid of [...parsePasswd(text).keys(), ...parseGroup(text).keys()])
          expect(uid).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('parseGroup', () => {
  it('reads groups', () => {
    expect([...parseGroup('root:x:0:\nsudo:x:27:alice,bob\n')]).toEqual([
      [0, 'root'],
      [27, 'sudo'],
    ]);
  });
});

/** A file in memory, a clock, and a count of reads. */
function fakeFile(contents: string | undefined) {
  const file = { contents, edition: 1, reads: 0 };
  const text: TextFile = {
    version: () => (file.contents === undefined ? undefined : String(file.edition)),
    read: () => {
      file.reads++;
      return file.contents;
    },
  };
  return { file, text };
}

describe('Accounts', () => {
  it('reads again when the file has changed, a second later', () => {
    let now = 0;
    const { file, text } = fakeFile('alice:x:1000:1000::/home/alice:/bin/sh\n');
    const accounts = new Accounts({ passwd: text, group: fakeFile(undefined).text, now: () => now });
    expect(accounts.userName(1000)).toBe('alice');
    file.contents = 'bob:x:1000:1000::/home/bob:/bin/sh\n';
    file.edition++;
    now = 500;
    expect(accounts.userName(1000)).toBe('alice');
    now = 1500;
    expect(accounts.userName(1000)).toBe('bob');
    now = 9000;
    expect(accounts.userName(1000)).toBe('bob');
    expect(file.reads).toBe(2);
    file.contents = undefined;
    now = 20_000;
    expect(accounts.userName(1000)).toBeUndefined();
  });

  it('knows root without a record, and nobody else', () => {
    const accounts = new Accounts({ passwd: fakeFile(undefined).text, group: fakeFile('').text });
    expect(accounts.user(0)).toMatchObject({ name: 'root', home: '/root' });
    expect(accounts.userName(1)).toBeUndefined();
    expect(accounts.groupName(0)).toBe('root');
    expect(accounts.groupName(1)).toBeUndefined();
  });

  it('keeps what it knows when the file cannot be read', () => {
    let now = 0;
    const { file, text } = fakeFile('alice:x:1000:1000:::\n');
    const failing: TextFile = {
      version: () => text.version(),
      read: () => {
        if (file.edition > 1) throw new Error('EACCES');
        return text.read();
      },
    };
    const accounts = new Accounts({ passwd: failing, now: () => now });
    expect(accounts.userName(1000)).toBe('alice');
    file.edition++;
    now = 5000;
    expect(accounts.userName(1000)).toBe('alice');
  });

  it('looks below the root directory that it is given', () => {
    const root = scratch();
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/passwd'), 'carol:x:42:42::/:\n');
    writeFileSync(join(root, 'etc/group'), 'staff:x:42:\n');
    const accounts = new Accounts({ root });
    expect(accounts.userName(42)).toBe('carol');
    expect(accounts.groupName(42)).toBe('staff');
  });
});
