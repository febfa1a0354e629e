// Reads what valgrind's callgrind has written: https://valgrind.org/docs/manual/cl-format.html
import fs from 'node:fs';

/** `(7) name` says what 7 stands for from now on, `(7)` means that name. */
class Names {
  #known = new Map();

  read(text) {
    const [, id, name] = /^\((\d+)\)(?: (.*))?$/.exec(text);
    if (name !== undefined) this.#known.set(id, name);
    return this.#known.get(id);
  }
}

/**
 * What one object file (a program or a library) did: the instructions it executed itself, and how often it called each
 * function of another object.
 * @param isMeant whether a path is that object's
 * @returns `{ total, own, calls }`, `total` being the whole process
 */
export function readCounts(file, isMeant) {
  const objects = new Names();
  const functions = new Names();
  const calls = new Map();
  let [total, own] = [0, 0];
  let object, calledObject, called, times;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const [, field, text] = /^(\w+)[=:](.*)$/.exec(line) ?? [];
    if (field === 'totals') total = Number(text);
    else if (field === 'ob') object = objects.read(text);
    else if (field === 'cob') calledObject = objects.read(text);
    else if (field === 'fn') functions.read(text);
    else if (field === 'cfn') called = functions.read(text);
    else if (field === 'calls') times = Number.parseInt(text, 10);
    else if (/^[-+*\d]/.test(line)) {
      const isOurs = object !== undefined && isMeant(object);
      // After `calls=` comes what the called functions took; it is counted where they did it.
      if (times === undefined) own += isOurs ? Number(line.split(' ')[1]) : 0;
      else if (isOurs && calledObject !== undefined) calls.set(called, (calls.get(called) ?? 0) + times);
      [times, calledObject] = [undefined, undefined];
    }
  }
  return { total, own, calls };
}
