/** What the system has taken of messages. */
export interface Sent {
  /** The first so many. */
  readonly count: number;
  /** But for those at these places, which are too long to be sent. */
  readonly tooLong: readonly number[];
}

/** Where messages are sent to one by one, each of which arrives as a whole. */
export interface MessageSocket {
  /**
   * Resolves once the system has taken all of them; with those that it has when the signal is aborted first, and rejects with
   * the signal's reason where it has none. The others are to be sent again, the same in the same order.
   */
  send(messages: readonly string[], signal: AbortSignal): Promise<Sent>;
  /** Reads the files of TLS again and connects anew. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}
