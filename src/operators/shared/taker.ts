/** Operators that hold events and emit in their own time, as an RxJS operator. */

import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import type { Batch } from '../../core/flow/batch.ts';

export interface Taker {
  take(batch: Batch): void;
  /** Nothing comes any more: what is held goes out now, or not at all. */
  end?(): void;
  /** Nobody listens any more. */
  stop(): void;
}

/** @param make makes one for each subscription, which it emits to */
export function takenBy(make: (output: Subscriber<Batch>) => Taker): OperatorFunction<Batch, Batch> {
  return (input) =>
    new Observable((output) => {
      const taker = make(output);
      const subscription = input.subscribe({
        next: (batch) => taker.take(batch),
        error: (error) => output.error(error),
        complete: () => {
          taker.end?.();
          output.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        taker.stop();
      };
    });
}
