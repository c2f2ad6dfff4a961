/** Telling sources of type `internal` what is wrong with the run itself, and that it is over. It is in the log already. */

import type { Report } from '../../core/report.ts';
import type { Live } from './graph.ts';
import { PROGRAM, type Runtime } from './runtime.ts';

/** Something that can fail for a while. */
interface Patient {
  /** The id of its component. */
  readonly component: string;
  /** What is wrong with it now. */
  readonly problem: string | undefined;
  /** What its reasons begin with. */
  readonly kind: 'operator' | 'sink' | 'state';
  readonly fails: (problem: string) => string;
  readonly works: string;
}

function patientsIn({ operators, sinks }: Live, { memory }: Pick<Runtime, 'memory'>): Patient[] {
  const state = { component: PROGRAM, problem: memory.problem, kind: 'state' as const };
  return [
    { ...state, fails: (why) => why, works: 'the state is written again' },
    ...[...operators].map(([id, { problem }]) => ({
      component: id,
      problem,
      kind: 'operator' as const,
      fails: (why: string) => `${id}: ${why}`,
      works: `${id} works as it should again`,
    })),
    ...[...sinks].map(([id, { delivery }]) => ({
      component: id,
      problem: delivery.problem,
      kind: 'sink' as const,
      fails: (why: string) => `${id} takes no events: ${why}`,
      works: `${id} takes events again`,
    })),
  ];
}

/** What is over again before so many ms is no outage: one try that failed, and the next that did not. */
const SHORT = 1000;
/**
 * What fails again within so many ms after that was told to be over is told only when it still fails then: a sink that takes
 * each event at the second try, and gets what is told here, would feed itself for ever.
 */
const CALM = 60_000;

interface Course {
  since?: number | undefined;
  told?: boolean;
  over?: number;
  timer?: NodeJS.Timeout | undefined;
}

class HealthWatch {
  readonly #courses = new Map<string, Course>();
  readonly #patients: () => readonly Patient[];
  readonly #tell: (report: Report) => void;
  #closed = false;

  constructor(patients: () => readonly Patient[], tell: (report: Report) => void) {
    this.#patients = patients;
    this.#tell = tell;
  }

  /** Something has begun to fail, or works again. */
  readonly look = (): void => {
    if (this.#closed) return;
    for (const patient of this.#patients()) this.#look(patient);
  };

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#courses.values()) clearTimeout(timer);
  }

  #look({ component, problem, kind, fails, works }: Patient): void {
    const course = this.#courses.get(component) ?? {};
    this.#courses.set(component, course);
    clearTimeout(course.timer);
    // A clock that is set back must not put off what is told.
    const time = performance.now();
    if (problem !== undefined) {
      course.since ??= time;
      if (course.told) return;
      const wait = Math.max(course.since + SHORT, (course.over ?? Number.NEGATIVE_INFINITY) + CALM) - time;
      if (wait > 0) {
        course.timer = setTimeout(this.look, wait).unref();
        return;
      }
      course.told = true;
      this.#tell({ component, type: 'error', fields: { reason: `${kind}_failing`, message: fails(problem) } });
      return;
    }
    const { told, since } = course;
    course.told = false;
    course.since = undefined;
    if (!told) return;
    course.over = time;
    const message = `${works}, after ${Math.ceil((time - (since ?? time)) / 1000)} s`;
    this.#tell({ component, type: 'health', fields: { reason: `${kind}_works`, message } });
  }
}

/** Tells of what runs, until the returned function is called. */
export function watchHealth(live: () => Live, runtime: Runtime): () => void {
  const watch = new HealthWatch(
    () => patientsIn(live(), runtime),
    (report) => runtime.reports.tell(report),
  );
  const { troubled } = runtime;
  troubled.add(watch.look);
  runtime.store?.trouble.changed.add(watch.look);
  watch.look();
  return () => {
    troubled.delete(watch.look);
    runtime.store?.trouble.changed.delete(watch.look);
    watch.close();
  };
}
