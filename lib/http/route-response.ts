/** The responses a route gives: the first caller's, and those of replays. */
import type { Outcome } from '../../index';
import { ResultUnavailableError } from '../errors';
import { jsonOf } from '../outcome/codec';
import { FailedResult } from '../outcome/finished';
import { throwControlFlow } from '../outcome/next-signals';
import { isRecordedResponse, type ReadResponse, type RecordedResponse } from '../outcome/response-record';

/** They describe a body that there is not. */
const OF_BODY = ['content-type', 'content-length', 'content-encoding', 'content-range', 'etag', 'transfer-encoding'];

/** As bytes: for text, Response would add a content type. */
function bodyOf({ body }: RecordedResponse): Uint8Array<ArrayBuffer> | null {
  return typeof body === 'string' ? new TextEncoder().encode(body) : (body as Uint8Array<ArrayBuffer> | null);
}

/** The first response keeps what is not recorded: its cookies. Of one that could not be read, what can be given. */
export function firstResponse(response: Response, read: ReadResponse): Response {
  try {
    return read.record.status === 0 ? response : copyOf(response, read);
  } catch {
    return response; // No other can be made with its status.
  }
}

function copyOf(response: Response, { record, fault, partial }: ReadResponse): Response {
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  headers.delete('content-length');
  if (fault === undefined) return new Response(bodyOf(record), { status, statusText, headers });
  if (partial !== undefined) return new Response(brokenAfter(partial, fault), { status, statusText, headers });
  for (const name of OF_BODY) headers.delete(name);
  return new Response(null, { status, statusText, headers });
}

/** A stream that ends as the one it stands for: whoever reads it hears that something is missing. */
function brokenAfter(bytes: Uint8Array, fault: Error): ReadableStream<Uint8Array> {
  let isGiven = bytes.length === 0;
  return new ReadableStream({
    pull(controller) {
      if (isGiven) controller.error(fault.cause ?? fault);
      else controller.enqueue(bytes);
      isGiven = true;
    },
  });
}

/** What a caller gets that did not run the handler. @throws what the handler threw, or Next's control flow */
export function replayedResponse(outcome: Outcome): Response {
  switch (outcome.kind) {
    case 'value':
      return responseOfValue(outcome.value);
    case 'error': {
      const failed = FailedResult.in(outcome.error);
      if (failed === undefined) throw outcome.error;
      return responseOfValue(failed.value);
    }
    case 'http':
      return throwControlFlow({ kind: 'http', status: outcome.httpStatus as 404 });
    case 'redirect':
      return throwControlFlow({ ...outcome, status: outcome.httpStatus as 307 });
  }
}

/** Of what a route recorded; or of what an operator settled its record with, as JSON. */
function responseOfValue(value: unknown): Response {
  if (isRecordedResponse(value)) return responseOf(value);
  if (value === undefined) return replaying(new Response(null, { status: 204 }));
  const json = jsonOf(value);
  if (json === undefined) {
    const detail = 'the record was settled with a value of which no response can be made';
    throw new ResultUnavailableError('unencodable', undefined, { detail });
  }
  return replaying(new Response(json, { headers: { 'content-type': 'application/json' } }));
}

function responseOf(record: RecordedResponse): Response {
  const { status, statusText, headers } = record;
  const all = new Headers(headers.map(([name, value]) => [name, value] as [string, string]));
  return replaying(new Response(bodyOf(record), { status, statusText, headers: all }));
}

function replaying(response: Response): Response {
  response.headers.set('idempotent-replayed', 'true');
  return response;
}
