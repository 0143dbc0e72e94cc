// Sets light or dark before anything is painted. Shares its key with the admin, so both look alike.
(function () {
  var stored = null;
  try { stored = JSON.parse(localStorage.getItem("adminTheme")); } catch { /* not ours: ignore */ }
  var dark = stored === "dark"
    || (stored !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
