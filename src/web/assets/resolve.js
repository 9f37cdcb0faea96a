// Sends what a person says of a print job that asks.

export function listen(done) {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-resolve]");
    if (!button) return;
    button.disabled = true;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ how: button.dataset.how });
    await fetch(`/api/v1/print-jobs/${button.dataset.resolve}/resolve`, { method: "POST", headers, body }).catch(() => null);
    done();
  });
}
