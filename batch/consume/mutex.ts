/** Lets one task at a time through, in the order of their coming. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when all before it have ended, however they ended. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task, task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
