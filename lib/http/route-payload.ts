/**
 * What a retry has to send again: the body by its meaning, so that a client that writes its JSON anew, or draws another
 * multipart boundary, is still sending the same.
 */
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;
const FORM_TYPE = /^(?:multipart\/form-data|application\/x-www-form-urlencoded)\b/i;

export async function payloadOf(request: Request, rawBody: Uint8Array): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  try {
    if (JSON_TYPE.test(type)) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rawBody));
    if (FORM_TYPE.test(type)) return await new Response(rawBody, { headers: { 'content-type': type } }).formData();
  } catch {
    // It is not what it says: compared as it is.
  }
  return rawBody;
}
