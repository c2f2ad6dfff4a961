import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { scratch } from '../scratch.ts';
import { commandOf } from './children.ts';

let folder = '';
beforeEach(() => {
  folder = scratch();
});

const shell = (script: string, env = {}) =>
  spawnSync('bash', ['-c', script], { encoding: 'utf8', env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
const rulesOf = (text: string) => [...text.matchAll(/Warning (r\d+) happened/g)].map(([, rule]) => rule);
const rules = (count: number) => Array.from({ length: count }, (_, n) => `r${n}`);

describe('the standard output as', () => {
  it('a pipe whose reader is slow: it waits, and everything arrives in order', () => {
    const { stdout, status } = shell(`${commandOf('lines', ['5000'])} | (sleep 0.5; cat)`);
    expect(status).toBe(0);
    expect(rulesOf(stdout)).toEqual(rules(5000));
  });

  it('a pipe that two sinks write to, and whose reader is slow: no line of one is in a line of the other', () => {
    const { stdout, stderr } = shell(`${commandOf('twins', ['5000'])} | (sleep 0.5; cat)`);
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n');
    const json = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).rule);
    expect(json).toEqual(rules(5000));
    expect(rulesOf(lines.filter((line) => !line.startsWith('{')).join('\n'))).toEqual(rules(10_000));
    expect(lines).toHaveLength(15_000);
  });

  it('a pipe whose reader takes longer than a write may: each line is written once', () => {
    const reader = 'for n in {1..20}; do head -c 10000; sleep 0.05; done; cat';
    const { stdout, stderr } = shell(`${commandOf('slow', ['5000'])} | (${reader})`);
    expect(stderr).toBe('several\n');
    expect(stdout.trimEnd().split('\n')).toHaveLength(5000);
    expect(rulesOf(stdout)).toEqual(rules(5000));
  });

  it('a pipe that others share: it stays blocking for them', () => {
    // The second program would fail with EAGAIN if the first had made their pipe non-blocking.
    const { stdout, stderr } = shell(`(${commandOf('lines', ['1000'])}; seq 1 50000) | (sleep 0.5; cat)`);
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n')).toHaveLength(51_000);
  });

  it('a pipe that nobody reads: a write can be given up, again and again, and the process can end', () => {
    const { stderr } = shell(`mkfifo ${folder}/p; exec 3<>${folder}/p; ${commandOf('stalled')} >&3`);
    expect(stderr).toBe('WriteError TimeoutError TimeoutError\n');
  });

  it('a socket, as of a service: it waits, and everything arrives in order', async () => {
    const child = spawn('bash', ['-c', `exec ${commandOf('lines', ['5000'])}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (data) => void (text += data)).pause();
    setTimeout(() => child.stdout.resume(), 300);
    await once(child, 'close');
    expect(rulesOf(text)).toEqual(rules(5000));
  });

  it('a socket whose reader takes longer than a write may: each line is written once', async () => {
    const child = spawn('bash', ['-c', `exec ${commandOf('slow', ['20000'])}`]);
    let text = '';
    let said = '';
    child.stderr.on('data', (data) => void (said += data));
    child.stdout.setEncoding('utf8').on('data', (data) => {
      text += data;
      child.stdout.pause();
      setTimeout(() => child.stdout.resume(), 20);
    });
    await once(child, 'close');
    expect(said).toBe('several\n');
    expect(text.trimEnd().split('\n')).toHaveLength(20_000);
    expect(rulesOf(text)).toEqual(rules(20_000));
  });

  it('a socket that nobody reads: a write can be given up, and the process can end', async () => {
    const child = spawn('bash', ['-c', `exec ${commandOf('stalled')}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => void (said += data));
    child.stdout.pause();
    await once(child, 'exit');
    child.stdout.destroy();
    expect(said).toBe('WriteError TimeoutError TimeoutError\n');
  });

  it('a file: it goes on where the shell stands, and the shell after it', () => {
    const out = join(folder, 'out');
    shell(`(echo first; ${commandOf('lines', ['3'])}; echo last) > ${out}`);
    const text = readFileSync(out, 'utf8');
    expect(text).toMatch(/^first\n.*r0.*\n.*r1.*\n.*r2.*\nlast\n$/);
    shell(`${commandOf('lines', ['1'])} >> ${out}`);
    expect(readFileSync(out, 'utf8')).toMatch(/\nlast\n.*r0.*\n$/);
  });

  it('a pipe whose reader has gone away: the run is asked to stop', () => {
    const { stderr } = shell(`${commandOf('gone')} | true`);
    expect(stderr).toBe('EPIPE: nobody reads the standard output any more\n');
  });

  it('a full disk: an error', () => {
    const { stderr, status } = shell(`${commandOf('lines', ['1'])} > /dev/full`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('ENOSPC');
  });
});

describe('colours', () => {
  const print = (config: object, env = {}) =>
    shell(`${commandOf('lines', ['1', JSON.stringify(config)])} | cat`, env).stdout;
  const onTerminal = (config: object, env: Record<string, string> = {}) => {
    const command = commandOf('lines', ['1', JSON.stringify(config)]);
    const vars = Object.entries({ TERM: 'xterm', ...env }).map(([name, value]) => `${name}=${value}`);
    return execFileSync('script', ['-qec', `env -u NO_COLOR ${vars.join(' ')} ${command}`, '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  };

  it('on a terminal, unless NO_COLOR is set or it is dumb; elsewhere only when they are always wanted', () => {
    expect(onTerminal({})).toContain('\u001b[33m');
    expect(onTerminal({}, { NO_COLOR: '1' })).not.toContain('\u001b[');
    expect(onTerminal({}, { TERM: 'dumb' })).not.toContain('\u001b[');
    expect(onTerminal({ colours: 'never' })).not.toContain('\u001b[');
    expect(onTerminal({ colours: 'always' }, { NO_COLOR: '1' })).toContain('\u001b[33m');
    expect(print({})).not.toContain('\u001b[');
    expect(print({ colours: 'always' })).toContain('\u001b[33m');
  });
});
