/** Telling sources of type `internal` what is wrong with the run itself, and that it is over. It is in the log already. */

import { now } from '../core/clock.ts';
import type { Report } from '../core/report.ts';
import type { Live } from './graph.ts';
import type { Runtime } from './runtime.ts';

/** Something that can fail for a while. */
interface Patient {
  /** The id of its component. */
  readonly component: string;
  /** What is wrong with it now. */
  readonly problem: string | undefined;
  /** What its reasons begin with. */
  readonly kind: 'sink' | 'state';
  readonly fails: (problem: string) => string;
  readonly works: string;
}

function patientsIn({ sinks }: Live, { memory }: Pick<Runtime, 'memory'>): Patient[] {
  const state = { component: 'falco-pipe', problem: memory.problem, kind: 'state' as const };
  return [
    { ...state, fails: (why) => why, works: 'the state is written again' },
    ...[...sinks].map(([id, { delivery }]) => ({
      component: id,
      problem: delivery.problem,
      kind: 'sink' as const,
      fails: (why: string) => `${id} takes no events: ${why}`,
      works: `${id} takes events again`,
    })),
  ];
}

/** Looked at this often, in ms. */
const EVERY = 1000;
/**
 * What fails again within so many ms after that was told to be over is told only when it still fails then: a sink that takes
 * each event at the second try, and gets what is told here, would feed itself for ever.
 */
const CALM = 60_000;

interface Course {
  since?: number | undefined;
  told?: boolean;
  over?: number;
}

class HealthWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #courses = new Map<string, Course>();
  readonly #tell: (report: Report) => void;

  constructor(patients: () => readonly Patient[], tell: (report: Report) => void) {
    this.#tell = tell;
    this.#timer = setInterval(() => {
      for (const patient of patients()) this.#look(patient);
    }, EVERY);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look({ component, problem, kind, fails, works }: Patient): void {
    const course = this.#courses.get(component) ?? {};
    this.#courses.set(component, course);
    const time = now();
    if (problem !== undefined) {
      course.since ??= time;
      if (course.told || time - (course.over ?? Number.NEGATIVE_INFINITY) < CALM) return;
      course.told = true;
      this.#tell({ component, type: 'error', fields: { reason: `${kind}_failing`, message: fails(problem) } });
      return;
    }
    if (course.told) {
      course.over = time;
      const seconds = Math.ceil((time - (course.since ?? time)) / 1000);
      const message = `${works}, after ${seconds} s`;
      this.#tell({ component, type: 'health', fields: { reason: `${kind}_works`, message } });
    }
    course.told = false;
    course.since = undefined;
  }
}

/** Tells of what runs, until the returned function is called. */
export function watchHealth(live: () => Live, runtime: Pick<Runtime, 'memory' | 'reports'>): () => void {
  const watch = new HealthWatch(
    () => patientsIn(live(), runtime),
    (report) => runtime.reports.tell(report),
  );
  return () => watch.close();
}
