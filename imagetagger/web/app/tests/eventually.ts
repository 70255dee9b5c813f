import { vi } from "vitest";

/** Waits until an assertion holds: for long, as other work may keep the machine busy. */
export const eventually = <T>(holds: () => T | Promise<T>): Promise<T> => vi.waitFor(holds, { timeout: 30_000 });
