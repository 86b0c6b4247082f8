/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';

/** A socket, or a request or response that has one. */
export type OnConnection = Socket | IncomingMessage | ServerResponse | Http2ServerRequest | Http2ServerResponse;

/** A connection as the supervisor has sent it. A parked connection that comes again is a new one with the same ticket. */
export interface Connection {
  /** The supervisor's number of the connection: 64 bits in decimal. */
  readonly ticket: string;
  /** The index of the `listen` address that the client connected to. */
  readonly listener: number;
  readonly acceptedAt: Date;
  /** How long the connection has waited for a worker. */
  readonly queuedMs: number;
  /** What setMemo() kept when the connection was parked the last time. */
  readonly memo: Buffer | null;
  readonly mayPark: boolean;
  /** The pool is being stopped: this is the last answer on this connection. */
  readonly lastRequest: boolean;
}

/** Whether this process is a worker of the supervisor. Without it every function here does nothing. */
export const underSupervisor: boolean;

/** The connection that something belongs to. Undefined when the supervisor has not sent it. */
export function connectionOf(what: OnConnection): Connection | undefined;

/**
 * Keeps up to 120 bytes with the connection: when it was parked and comes again, in whatever worker, they are its `memo`.
 * False when the supervisor has not sent the connection.
 */
export function setMemo(what: OnConnection, memo: string | Uint8Array | null): boolean;

/** "I still work on this connection": its `busy_timeout` begins anew. */
export function progress(what: OnConnection): void;

/** What this worker is doing, for people: shown in the supervisor's status. At most 224 bytes. */
export function note(text: string): void;

/** This worker's load from 0 to 1000, in place of what is measured. */
export function reportLoad(thousandths: number): void;

/** Takes nothing more: finishes the connections and ends. The supervisor starts another worker at once. */
export function leave(): void;
