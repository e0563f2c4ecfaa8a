from tests.web.api.conftest import office as office
from tests.web.api.conftest import small_office as small_office
