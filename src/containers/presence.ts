/** What a runtime has, as its events tell it: what happened while nobody listened is the difference to what it then has. */

import type { LifecycleType } from '../events/containers/lifecycle.ts';
import type { Lifecycle, Present } from './runtime.ts';

/** Ours stands still for so many ns, theirs does not. */
const CLOCK = 1_000_000n;

type State = Present['state'];

const AFTER: Readonly<Record<Exclude<LifecycleType, 'remove'>, State>> = {
  create: 'created',
  start: 'running',
  die: 'ended',
};

/** What a container went through from one state to another; undefined: it was not there, or is not any more. */
function between(before: State | undefined, after: State | undefined): readonly LifecycleType[] {
  const ran = before === 'running';
  const made: readonly LifecycleType[] = before === undefined ? ['create'] : [];
  if (before === after) return [];
  if (after === undefined) return ran ? ['die', 'remove'] : ['remove'];
  if (after === 'running') return [...made, 'start'];
  // Of containerd: what ran has no process any more, and may be started anew.
  if (after === 'created') return ran ? ['die'] : made;
  return ran ? ['die'] : [...made, 'start', 'die'];
}

export class Presence {
  /** Undefined until there was a listing. */
  #states: Map<string, State> | undefined;
  /** What the last listing has shown, which events may still tell. */
  readonly #found = new Set<string>();
  #listed = 0n;

  /** Takes note of an event; false when the last listing has told of it already. */
  take({ type, id, time }: Lifecycle): boolean {
    if (time <= this.#listed && this.#found.delete(`${type} ${id}`)) return false;
    if (type === 'remove') this.#states?.delete(id);
    else this.#states?.set(id, AFTER[type]);
    return true;
  }

  /**
   * Takes note of what there is at `time` (ns since the epoch), and returns what must have happened unseen, with that time.
   * The first listing tells nothing: nobody knows what was before.
   */
  list(present: readonly Present[], time: bigint): readonly Lifecycle[] {
    const before = this.#states;
    const after = new Map(present.map(({ id, state }) => [id, state]));
    this.#states = after;
    this.#listed = time + CLOCK;
    this.#found.clear();
    if (before === undefined) return [];
    const found: Lifecycle[] = [];
    for (const id of new Set([...before.keys(), ...after.keys()])) {
      for (const type of between(before.get(id), after.get(id))) found.push({ type, id, time });
    }
    for (const { type, id } of found) this.#found.add(`${type} ${id}`);
    return found;
  }
}
