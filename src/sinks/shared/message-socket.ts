/** Where messages are sent to one by one, each of which arrives as a whole. */
export interface MessageSocket {
  /** Resolves, once the system has taken all of them, with the places of those too long to be sent. */
  send(messages: readonly string[], signal: AbortSignal): Promise<readonly number[]>;
  /** Reads the files of TLS again and connects anew. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}
