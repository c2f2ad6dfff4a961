/** Programs that run on this machine, as the command line talks to them: HTTP over a socket that only their user may use. */

import { readdirSync, unlinkSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCode, UserError } from '../core/errors.ts';
import type { RunStatus } from '../pipeline/run/status.ts';

/** What a program says of itself. */
export interface ProgramStatus extends RunStatus {
  readonly pid: number;
  /** The pipeline file, absolute. */
  readonly pipeline: string;
  /** The state folder, absolute. */
  readonly state_folder: string | undefined;
  /** Seconds since it was ready. */
  readonly uptime: number;
}

/** The folder for a program's own socket. systemd's RuntimeDirectory= comes first. */
export function socketFolder(): string {
  return process.env.RUNTIME_DIRECTORY?.split(':')[0] ?? (socketFolders()[0] as string);
}

/** Folders that sockets may be in, of one's own programs and of services. */
function socketFolders(): string[] {
  const { XDG_RUNTIME_DIR: own } = process.env;
  const user = process.getuid?.() ?? 0;
  const named = own === undefined ? [] : [join(own, 'falco-pipe')];
  const usual = ['/run/falco-pipe', join(tmpdir(), `falco-pipe-${user}`)];
  return [...named, ...(user === 0 ? usual : usual.reverse())];
}

export class Control {
  readonly status: ProgramStatus;
  readonly #socket: string;

  constructor(socket: string, status: ProgramStatus) {
    this.#socket = socket;
    this.status = status;
  }

  /** The JSON at a path; undefined when there is nothing. */
  async get(path: string): Promise<unknown> {
    return ask(this.#socket, 'GET', path);
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return ask(this.#socket, 'POST', path, body);
  }

  /** Calls `line` with each line that comes from a path, until the program ends, however it does, or the signal is aborted. */
  async lines(path: string, line: (text: string) => void, signal: AbortSignal): Promise<void> {
    let rest = '';
    await ask(this.#socket, 'GET', path, undefined, {
      signal,
      chunk: (text) => {
        const lines = `${rest}${text}`.split('\n');
        rest = lines.pop() ?? '';
        for (const each of lines) line(each);
      },
    });
  }
}

/** All programs that run here and answer. */
export async function controls(): Promise<Control[]> {
  return (await look()).found;
}

/** What runs here, and what of it this user may not ask: sockets, or folders of them. */
async function look(): Promise<{ readonly found: Control[]; readonly forbidden: readonly string[] }> {
  const forbidden: string[] = [];
  const isForbidden = (path: string) => (error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') forbidden.push(path);
  };
  const sockets = socketFolders().flatMap((folder) => {
    try {
      return readdirSync(folder).flatMap((name) => (name.endsWith('.sock') ? [join(folder, name)] : []));
    } catch (error) {
      isForbidden(folder)(error as Error);
      return [];
    }
  });
  const answers = await Promise.all(sockets.map((socket) => open(socket, isForbidden(socket))));
  return { found: answers.filter((control) => control !== undefined), forbidden };
}

/** The first program for which `test` is true. */
export async function controlOf(test: (status: ProgramStatus) => boolean): Promise<Control | undefined> {
  return (await controls()).find(({ status }) => test(status));
}

/**
 * The program that `name` means: its pid, or its pipeline file; without a name the only one. Throws a UserError when
 * there is none (exit 69), or when several are meant (exit 2).
 */
export async function controlFor(name: string | undefined, absolute: (path: string) => string): Promise<Control> {
  const { found: all, forbidden } = await look();
  const meant = (status: ProgramStatus) =>
    name === undefined || String(status.pid) === name || status.pipeline === absolute(name);
  const found = all.filter(({ status }) => meant(status));
  if (found.length > 1) {
    const list = found.map(({ status }) => `  ${status.pid}  ${status.pipeline}`).join('\n');
    throw new UserError(`Several programs run here; name one by its pid:\n${list}`, { exit: exitCode.usage });
  }
  const [only] = found;
  if (only) return only;
  const others = all.map(({ status }) => `  ${status.pid}  ${status.pipeline}`).join('\n');
  const which = forbidden.length > 0 ? ' that this user may ask' : '';
  const whose = which && `: ${forbidden.join(', ')} ${forbidden.length > 1 ? 'are' : 'is'} another user's`;
  const message = `No falco-pipe runs ${name ?? 'here'}${which}${whose}`;
  throw new UserError(`${message}${others ? `; there are\n${others}` : ''}`, { exit: exitCode.unavailable });
}

async function open(socket: string, failed: (error: Error) => void): Promise<Control | undefined> {
  try {
    return new Control(socket, (await ask(socket, 'GET', '/status')) as ProgramStatus);
  } catch (error) {
    // Nobody listens any more: a program that was killed has left it.
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') forget(socket);
    failed(error as Error);
    return undefined;
  }
}

function forget(socket: string): void {
  try {
    unlinkSync(socket);
  } catch {
    // Another's: its owner will.
  }
}

interface Streaming {
  readonly signal: AbortSignal;
  readonly chunk: (text: string) => void;
}

function ask(socketPath: string, method: string, path: string, body?: unknown, stream?: Streaming): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, signal: stream?.signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (stream && response.statusCode === 200) stream.chunk(chunk);
        else text += chunk;
      });
      const isOver = (error: NodeJS.ErrnoException) => stream !== undefined && error.code === 'ECONNRESET';
      response.on('error', (error) => (isOver(error) ? resolve(undefined) : reject(error)));
      response.on('end', () => {
        if (response.statusCode === 404) resolve(undefined);
        else if (response.statusCode === 200) resolve(text === '' ? undefined : JSON.parse(text));
        else reject(new UserError((JSON.parse(text) as { error?: string }).error ?? text));
      });
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
