"""A Django project in one file. Run it with: supervisor -c docs/examples/django/pool.json"""
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only for this example"),
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


def hello(request):
    return HttpResponse(f"Hello {request.GET.get('name', 'Django')} from worker {os.getpid()}.\n")


@csrf_exempt
def upload(request):
    return JsonResponse({"bytes": len(request.body)})


urlpatterns = [path("", hello), path("upload", upload)]
application = get_wsgi_application()
