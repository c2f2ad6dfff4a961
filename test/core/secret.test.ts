import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../src/core/errors.ts';
import { Secret, secret, withoutSecrets } from '../../src/core/secret.ts';
import { scratch } from '../scratch.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
  process.env.TEST_SECRET = 'hunter2';
});
afterEach(() => {
  delete process.env.TEST_SECRET;
});

const resolve = (path: string) => join(folder, path);
const config = z.strictObject({ token: secret() });

describe('a secret', () => {
  it('is read where it is, each time anew', () => {
    const fromEnv = config.parse({ token: { env: 'TEST_SECRET' } }).token;
    expect(fromEnv.read(resolve)).toBe('hunter2');
    process.env.TEST_SECRET = 'rotated';
    expect(fromEnv.read(resolve)).toBe('rotated');
    const fromFile = config.parse({ token: { file: 'token' } }).token;
    writeFileSync(resolve('token'), 'first\n');
    expect(fromFile.read(resolve)).toBe('first');
    writeFileSync(resolve('token'), ' second ');
    expect(fromFile.read(resolve)).toBe(' second ');
  });

  it('that a pipe gives is read once, and kept for whoever asks: a pipe gives it once', () => {
    const module = JSON.stringify(new URL('../../src/core/secret.ts', import.meta.url));
    const program = `const { Secret } = await import(${module});
      const piped = new Secret({ file: '/dev/fd/0' });
      const again = new Secret({ file: '/proc/self/fd/0' });
      console.log(piped.read(String), piped.read(String), again.read(String));
      new Secret({ file: '/dev/fd/3' }).read(String);`;
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
    const script = 'echo hunter2 | { true | "$@" 3<&0 <&4; } 4<&0';
    const { stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', ...node], { encoding: 'utf8' });
    expect(stdout).toBe('hunter2 hunter2 hunter2\n');
    expect(stderr).toContain('a secret cannot be read: the pipe /dev/fd/3 has nothing, or nothing more, to give');
  });

  it('is in no dump of the configuration', () => {
    const parsed = config.parse({ token: { env: 'TEST_SECRET' } });
    expect(JSON.stringify(parsed)).toBe('{"token":{"env":"TEST_SECRET"}}');
    parsed.token.read(resolve);
    expect(inspect(parsed, { depth: 9, showHidden: true }) + String(parsed.token)).not.toContain('hunter2');
  });

  it('that is not there says where it was looked for', () => {
    const reads = (reference: ConstructorParameters<typeof Secret>[0]) => () => new Secret(reference).read(resolve);
    expect(reads({ env: 'TEST_NO_SECRET' })).toThrow(/environment variable TEST_NO_SECRET is not set/);
    expect(reads({ file: 'nowhere' })).toThrow(/cannot be read: ENOENT.*nowhere/);
    writeFileSync(resolve('empty'), '\n');
    expect(reads({ file: 'empty' })).toThrow(UserError);
  });

  it('in plain text is refused, and the refusal does not repeat it', () => {
    const { error } = config.safeParse({ token: 'hunter2' });
    expect(error?.issues[0]?.message).toMatch(/a secret does not stand in the file/);
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(config.safeParse({ token: { env: 'A', file: 'b' } }).success).toBe(false);
  });

  it('is taken out of what a server says', () => {
    expect(withoutSecrets('no token hunter2 here, hunter2', ['hunter2', ''])).toBe('no token [secret] here, [secret]');
  });
});
