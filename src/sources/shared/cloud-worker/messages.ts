/** What the main thread and the cloud worker say to each other, about one stream each. */

import type { Pack } from './pack.ts';
import type { SplitterOptions } from './splitter.ts';

export interface UnpackOptions extends SplitterOptions {
  /** Bytes of one record, at most; larger ones are left out. */
  readonly maxRecord: number;
  /** Bytes of all, decompressed, at most. */
  readonly maxBytes: number;
}

export type ToWorker =
  | Told
  /** The memory of a pack that is done with. */
  | { readonly room: ArrayBuffer };

export type Told = { readonly id: number } & (
  | { readonly open: UnpackOptions }
  /** The next piece; null: there is no more. */
  | { readonly chunk: Uint8Array | null }
  /** One more pack may come. */
  | { readonly next: true }
  | { readonly close: true }
);

export type FromWorker = { readonly id: number } & (
  | { readonly want: true }
  | { readonly pack: Pack }
  | { readonly done: true }
  /** It cannot be read any further, and why. */
  | { readonly broken: string }
);
