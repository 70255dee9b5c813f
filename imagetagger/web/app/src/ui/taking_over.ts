const KEY = "imagetagger takes over";

/** Lets the next page of this tab take the app over from another tab. */
export function takeOver(): void {
  window.sessionStorage.setItem(KEY, "yes");
}

/** Whether this page was loaded to take the app over; asked once. */
export function takesOver(): boolean {
  const isWanted = window.sessionStorage.getItem(KEY) !== null;
  window.sessionStorage.removeItem(KEY);
  return isWanted;
}
