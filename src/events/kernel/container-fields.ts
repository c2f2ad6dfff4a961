/** Readers of `container.*` and `k8s.*` of kernel events, and what becomes of events whose container is still looked up. */

import type { Probes } from '../containers/container.ts';
import { containerReader, isTold } from '../containers/fields.ts';
import type { Awaited, FieldRef, Late, Value } from '../field.ts';
import { EventRecord } from '../record.ts';
import type { KernelEvent } from './event.ts';
import type { ProcessImage } from './image.ts';
import { big, exact } from './numbers.ts';
import type { KernelReader } from './readers.ts';

/** What is read of a container and the processes in it; all of it may be kept, and read again later. */
interface Scene {
  readonly time: bigint;
  readonly image: ProcessImage;
  readonly ancestors: readonly ProcessImage[];
  /** Wall clock minus the kernel's, in ns. */
  readonly bootOffset: bigint;
}

type Read = (scene: Scene) => Value | undefined;

const PROBES: Readonly<Record<string, keyof Probes>> = {
  'proc.is_container_healthcheck': 'healthcheck',
  'proc.is_container_liveness_probe': 'liveness',
  'proc.is_container_readiness_probe': 'readiness',
};

/** The reader of a field of the container; undefined when it is none of them. */
export function containerFieldReader(ref: FieldRef): KernelReader | undefined {
  const read = readerOf(ref);
  if (read === undefined) return undefined;
  const scene = new EventScene();
  return (event) => read(scene.of(event));
}

/** The scene of an event in hand: nothing is worked out before it is asked for. */
class EventScene implements Scene {
  #event!: KernelEvent;

  of(event: KernelEvent): this {
    this.#event = event;
    return this;
  }

  get time(): bigint {
    return this.#event.time;
  }

  get image(): ProcessImage {
    return this.#event.image;
  }

  get ancestors(): readonly ProcessImage[] {
    return this.#event.ancestors;
  }

  get bootOffset(): bigint {
    return this.#event.slab.context.bootOffset;
  }
}

function readerOf({ field: { name }, arg }: FieldRef): Read | undefined {
  const probe = PROBES[name];
  if (probe !== undefined) return (scene) => isProbe(scene, probe);
  const read = containerReader(name, arg);
  if (read === undefined) return undefined;
  const told: Read = (scene) => {
    const { container } = scene.image.data;
    return container && read(container, scene);
  };
  if (name === 'container.start_ts') return (scene) => given(namespaceStart(scene)) ?? told(scene);
  if (name === 'container.duration') {
    return (scene) => given(namespaceStart(scene), (start) => scene.time - start) ?? told(scene);
  }
  return told;
}

const given = (value: bigint | undefined, of = (each: bigint) => each) =>
  value === undefined ? undefined : exact(of(value));

/**
 * The start of the pid namespace's first process is the container's, as in Falco: its runtime notes its own a little later.
 * A container in the host's namespace has no such process.
 */
function namespaceStart({ image: { data }, bootOffset }: Scene): bigint | undefined {
  const { container, pidnsStartHigh, pidnsStartLow } = data;
  const start = big(pidnsStartHigh, pidnsStartLow);
  if (container === undefined || container.isHost || container.container?.hostPid || start === 0n) return undefined;
  return start + bootOffset;
}

/** Whether the process, or one above it in the same container, is what the runtime runs as that probe. */
function isProbe({ image, ancestors }: Scene, kind: keyof Probes): boolean | undefined {
  const entry = image.data.container;
  if (entry === undefined) return undefined;
  const probe = entry.container?.probes[kind];
  if (probe === undefined) return false;
  const runs = ({ data: { program } }: ProcessImage) =>
    program !== undefined &&
    program.args.length === probe.length - 1 &&
    program.exe === probe[0] &&
    program.args.every((arg, index) => arg === probe[index + 1]);
  if (runs(image)) return true;
  for (const above of ancestors) {
    if (above.data.container !== entry) return false;
    if (runs(above)) return true;
  }
  return false;
}

const comesLate = ({ field: { name } }: FieldRef) => isTold(name) || PROBES[name] !== undefined;

/** What of a kernel event may still be looked up: what the runtime of its container has to tell. */
export const lateFields: Late<KernelEvent> = {
  includes: comesLate,
  of(event) {
    const { container } = event.image.data;
    return container?.waiting ? awaited(event, container.ready) : undefined;
  },
};

function awaited(event: KernelEvent, ready: Promise<void>): Awaited {
  return {
    ready,
    keep(fields) {
      const texts = fields.filter((ref) => !comesLate(ref)).map(({ text }) => text);
      const kept = event.slab.keep(event, texts);
      const readers = fields.filter(comesLate).map((ref) => [ref.text, readerOf(ref)] as const);
      const { image, ancestors, time } = event;
      const scene: Scene = { image, ancestors, time, bootOffset: event.slab.context.bootOffset };
      return () => {
        const values: Record<string, Value> = { ...kept.fields };
        for (const [text, read] of readers) {
          const value = read?.(scene);
          if (value !== undefined) values[text] = value;
        }
        return new EventRecord(kept.source, kept.type, kept.time, values);
      };
    },
  };
}
