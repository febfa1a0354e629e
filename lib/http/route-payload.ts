/**
 * What a retry has to send again: the body by its meaning. A client that writes its JSON anew, or draws another
 * multipart boundary, still sends the same payload.
 * What reading the body would lose is compared as it was sent.
 */
import { Revised } from '../call/compared';
import { parseExactJson } from '../call/exact-json';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;
const URLENCODED_TYPE = /^application\/x-www-form-urlencoded\b/i;
const MULTIPART_TYPE = /^multipart\/form-data\b/i;

export async function payloadOf(request: Request, rawBody: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  try {
    if (JSON_TYPE.test(type)) return parseExactJson(textOf(rawBody));
    if (URLENCODED_TYPE.test(type)) return await formOf(rawBody, type, isUrlencodedText);
    if (MULTIPART_TYPE.test(type)) return await formOf(rawBody, type, (_, form) => isText(form));
  } catch {
    // The body is not what its type says, so it is compared as it is.
  }
  return rawBody;
}

/** @throws TypeError */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** A form; where bytes of its texts are no UTF-8, and one replacement character would stand for many, its bytes. */
async function formOf(
  rawBody: Uint8Array<ArrayBuffer>,
  type: string,
  isExact: (rawBody: Uint8Array, form: FormData) => boolean,
): Promise<unknown> {
  const form = await new Response(rawBody, { headers: { 'content-type': type } }).formData();
  return isExact(rawBody, form) ? form : new Revised(withoutBoundary(rawBody, type), { value: form });
}

function isUrlencodedText(rawBody: Uint8Array): boolean {
  try {
    decodeURIComponent(textOf(rawBody));
    return true;
  } catch {
    return false;
  }
}

const REPLACEMENT = '\ufffd';

function isText(form: FormData): boolean {
  const textOfEntry = (value: string | File) => (typeof value === 'string' ? value : value.name);
  return ![...form].some(([name, value]) => name.includes(REPLACEMENT) || textOfEntry(value).includes(REPLACEMENT));
}

/** Each attempt may have drawn another one. */
function withoutBoundary(rawBody: Uint8Array, type: string): Uint8Array {
  const [, quoted, bare] = /\bboundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return rawBody;
  return Buffer.from(Buffer.from(rawBody).toString('latin1').replaceAll(boundary, ''), 'latin1');
}
