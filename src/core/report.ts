/** What a run says of itself: its books, and what its components report. */

/** What has become of events so far. */
export interface Books {
  readonly seen: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly dropped: number;
  /** sha256 of the configuration and of every file that it names. */
  readonly pipeline: string;
}

/** drop: events were lost; error: a component failed on one; gap: a span was not seen; health: a state has changed. */
export type ReportType = 'drop' | 'error' | 'gap' | 'health';

export interface Report {
  /** The id of the component that reports. */
  readonly component: string;
  readonly type: ReportType;
  readonly fields: InternalFields;
  /** The message of so many, where several reports are said together. */
  readonly summed?: (count: number) => string;
}

/** The fields of an `internal` event, without their prefix. */
export interface InternalFields {
  readonly reason?: string;
  readonly count?: number;
  readonly event_type?: string;
  /** The event in question as JSON. */
  readonly event?: string;
  /** Of a gap: when it began and ended, in ns since the epoch, as far as that is known. */
  readonly from?: bigint;
  readonly to?: bigint;
  /** For people: where there is a count of more than one, it says how many itself. */
  readonly message: string;
}
