/** An event as it is sent: its name, or an object that says more. */
import type { MachineEvent } from '../../index';

export function nameOfEvent(event: MachineEvent<string>): string {
  return typeof event === 'object' && event !== null ? event.type : event;
}

/** What an event's object says besides its type. */
export function fieldsOfEvent({ type: _, ...fields }: { readonly type: string }): object | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}
