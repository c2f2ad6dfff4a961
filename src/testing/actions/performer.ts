/** Performs actions, each in a view of the files and a network of its own: on this machine, or in one container for all. */

import { exitCode, UserError } from '../../core/errors.ts';
import { ContainerFailed, engineSocket, NoEngine, openContainerStage } from '../scenarios/engine.ts';
import { planOf } from '../scenarios/plan.ts';
import { openHostStage, type Stage } from '../scenarios/stage.ts';
import type { Action } from './action.ts';

/** What became of an action. */
export interface Performed {
  /** `interrupted`: it was ended before it had ended by itself, because the signal aborted. */
  readonly status: 'performed' | 'failed' | 'skipped' | 'interrupted';
  /** Why it failed or was skipped, a line each. */
  readonly because: readonly string[];
  readonly ms: number;
  /** What its processes have in the variable FALCO_PIPE_TEST, up to the slash. */
  readonly id: string;
}

interface Place {
  readonly stage: Pick<Stage, 'folder' | 'run' | 'cancel'>;
  close(): Promise<void>;
}

/** An action that takes longer is ended, and undone. */
const PATIENCE = 60_000;

export class Performer {
  readonly #engine: string | undefined;
  readonly #signal: AbortSignal;
  #host: Promise<Place> | undefined;
  #container: Promise<Place | string> | undefined;
  #next = 1;

  /** `engine`: the socket of a container engine; undefined: the usual ones. @throws UserError (exit 77) without root */
  constructor(engine: string | undefined, signal: AbortSignal) {
    if (process.getuid?.() !== 0)
      throw new UserError(
        'Actions are performed in namespaces of their own, which needs root: sudo falco-pipe generate',
        {
          exit: exitCode.noPermission,
        },
      );
    this.#engine = engine;
    this.#signal = signal;
  }

  /** `begin` gets its id before anything happens. */
  async perform({ scenario, inContainer }: Action, begin?: (id: string) => void): Promise<Performed> {
    const id = String(this.#next++);
    const began = performance.now();
    const place = await (inContainer ? this.#inContainer() : this.#onHost());
    if (typeof place === 'string') return { status: 'skipped', because: [place], ms: 0, id };
    const { stage } = place;
    begin?.(id);
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(PATIENCE)]);
    const cancel = () => stage.cancel(id);
    limit.addEventListener('abort', cancel, { once: true });
    const because = await stage.run(id, planOf(scenario, id, stage.folder));
    limit.removeEventListener('abort', cancel);
    const ms = Math.round(performance.now() - began);
    if (because.length === 0 && !limit.aborted) return { status: 'performed', because, ms, id };
    if (this.#signal.aborted) return { status: 'interrupted', because: [], ms, id };
    const late = limit.aborted ? [`it did not end within ${PATIENCE / 1000} s`] : [];
    return { status: 'failed', because: [...because, ...late], ms, id };
  }

  /** Ends what runs, and removes the container. */
  async close(): Promise<void> {
    // One that could not be opened must not keep the other, which may be a privileged container.
    const opened = await Promise.allSettled([this.#host, this.#container]);
    const places = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await Promise.allSettled(places.map((place) => (typeof place === 'object' ? place.close() : undefined)));
  }

  #onHost(): Promise<Place> {
    this.#host ??= openHostStage().then((stage) => ({ stage, close: () => stage.close() }));
    return this.#host;
  }

  /** A place, or why there is none. */
  #inContainer(): Promise<Place | string> {
    this.#container ??= this.#openContainer();
    return this.#container;
  }

  async #openContainer(): Promise<Place | string> {
    try {
      return await openContainerStage(engineSocket(this.#engine), {}, []);
    } catch (error) {
      if (error instanceof NoEngine || error instanceof ContainerFailed) return error.message;
      throw error;
    }
  }
}
